import { existsSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ErrorCode } from '../../src/errors.js';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { trainErm } from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import type { TrainingResult } from '../../src/train/results.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { bestOf, ermRun, lastOf, stateOf, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

/** Small training runs in a folder: one of two epochs that was never stopped, and what is made of it. */
export class Runs {
  readonly base: ErmOptions & { readonly data: string; readonly out: string };
  readonly reference: RunFolder;

  constructor(readonly folder: string) {
    this.reference = new RunFolder(join(folder, 'run'));
    const place = {
      data: join(folder, 'dominoes'),
      out: this.reference.path,
      resume: false,
      keepState: true,
    };
    const recipe = { arch: 'resnet20', epochs: 2, batchSize: 42, lr: 1e-3, seed: 3 } as const;
    this.base = { ...place, ...recipe, device: 'cpu', threads: 1 };
  }

  /** The data and the trained reference. */
  async build(): Promise<TrainingResult> {
    await tinyDominoes(this.base.data);
    return ermRun(this.base);
  }

  async copyOf(name: string): Promise<RunFolder> {
    const copy = new RunFolder(join(this.folder, name));
    await cp(this.reference.path, copy.path, { recursive: true });
    return copy;
  }

  /** The message of the error with which training must end, which has the parts. */
  async refusal(
    options: Partial<ErmOptions>,
    code: ErrorCode,
    ...parts: readonly (string | RegExp)[]
  ): Promise<string> {
    return (await failure(trainErm({ ...this.base, ...options }), code, ...parts)).message;
  }
}

/** `Runs` in a temporary folder, which are there when the tests of the file begin. */
export function builtRuns(): Runs {
  const runs = new Runs(temporaryFolder());
  beforeAll(() => runs.build());
  return runs;
}

/** Makes the weights of a run's last layer so large that its next epoch has no finite loss. */
export async function makeTooLarge(run: RunFolder): Promise<void> {
  const { tensors } = await readSafetensors(lastOf(run));
  tensors['fc.weight']?.data.fill(3e38 as never);
  await writeSafetensors(lastOf(run), tensors);
}

/** Stops a job once it reports on the task; the message that it ends with. */
export async function stopIn(
  task: string,
  job: (options: Pick<ErmOptions, 'signal' | 'onProgress'>) => Promise<unknown>,
): Promise<string> {
  const abort = new AbortController();
  const onProgress: ErmOptions['onProgress'] = (event) => {
    if (event.task === task) abort.abort();
  };
  return (await failure(job({ signal: abort.signal, onProgress }), 'INTERRUPTED')).message;
}

/** The measurements of a run, without the time that they took. */
export async function measured(run: RunFolder): Promise<unknown[]> {
  return (await run.readMetrics()).map((metrics) => ({ ...metrics, seconds: 0 }));
}

/** Checks that a run has the measurements, checkpoints and result of another one, to the bit. */
export async function expectSameRun(run: RunFolder, reference: RunFolder, result = 'erm'): Promise<void> {
  expect(await measured(run)).toEqual(await measured(reference));
  for (const fileOf of [lastOf, bestOf, stateOf]) {
    const [own, other] = [fileOf(run), fileOf(reference)];
    expect([own, existsSync(own)]).toEqual([own, existsSync(other)]);
    if (!existsSync(own)) continue;
    expect([own, (await readFile(own)).equals(await readFile(other))]).toEqual([own, true]);
  }
  const schema = z.looseObject({});
  expect(await run.readResult(result, schema)).toEqual(await reference.readResult(result, schema));
}
