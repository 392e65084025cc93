import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { SpurmemError, type ErrorCode } from '../../src/errors.js';
import { trainErm } from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import type { TrainingResult } from '../../src/train/results.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { ermRun, tinyDominoes } from '../fixtures.js';

/** Small training runs in a folder: one of two epochs that was never stopped, and what is made of it. */
export class Runs {
  readonly base: ErmOptions & { readonly data: string; readonly out: string };
  readonly reference: RunFolder;

  constructor(readonly folder: string) {
    this.reference = new RunFolder(join(folder, 'run'));
    this.base = {
      data: join(folder, 'dominoes'),
      out: this.reference.path,
      arch: 'resnet20',
      epochs: 2,
      batchSize: 42,
      lr: 1e-3,
      seed: 3,
      device: 'cpu',
      threads: 1,
      resume: false,
    };
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

  /** The message of the error with which training must end. */
  async refusal(options: Partial<ErmOptions>, code: ErrorCode): Promise<string> {
    const error: unknown = await trainErm({ ...this.base, ...options }).catch((reason: unknown) => reason);
    if (!(error instanceof SpurmemError)) throw new Error(`Expected ${code}, got ${JSON.stringify(error)}`);
    expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
    return error.message;
  }
}

/** What a run measured, without the time it took. */
export async function measured(run: RunFolder): Promise<unknown[]> {
  return (await run.readMetrics()).map((metrics) => ({ ...metrics, seconds: 0 }));
}
