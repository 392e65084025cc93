import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { answer, contentOf, expectFailure, failure, start, succeed, trainArguments } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
/** One epoch, finished. */
const short = join(folder, 'short');
/** Two epochs, finished and never stopped. */
const reference = join(folder, 'reference');
const best = join(short, 'checkpoints', 'best.safetensors');
const FIRST_EPOCH = /^epoch 1: /m;
const checkpoint = (run: string, name: string) => join(run, 'checkpoints', `${name}.safetensors`);

/** The measured epochs without their duration, which no two runs share. */
function epochsOf(run: string): unknown[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => ({ ...(JSON.parse(line) as object), seconds: 0 }));
}

/** Checks that a run ended as one that was never stopped. */
function expectAsReference(run: string): void {
  expect(epochsOf(run)).toEqual(epochsOf(reference));
  for (const name of ['last', 'best', 'resume']) {
    const same = readFileSync(checkpoint(run, name)).equals(readFileSync(checkpoint(reference, name)));
    expect([name, same]).toEqual([name, true]);
  }
  const result = (path: string) => readFileSync(join(path, 'results', 'erm.json'), 'utf8');
  expect(result(run)).toBe(result(reference));
}

async function written(path: string): Promise<void> {
  while (!existsSync(path)) await sleep(50);
}

async function copyOfShort(name: string): Promise<string> {
  const run = join(folder, name);
  await cp(short, run, { recursive: true });
  return run;
}

beforeAll(async () => {
  await tinyDominoes(data);
  await succeed(trainArguments(data, short, '--epochs', '1'));
  await succeed(trainArguments(data, reference));
});

describe('a run folder with a finished run', () => {
  it('names each setting that differs, and changes nothing', async () => {
    const before = contentOf(short);
    const settings = ['--epochs', '1', '--lr', '0.01', '--seed', '7'];
    for (const more of [[], ['--resume']]) {
      expectFailure(
        await answer(trainArguments(data, short, ...settings, ...more)),
        1,
        `${short} already holds a run with another configuration`,
        'lr: 0.0001 -> 0.01',
        'seed: 0 -> 7',
        'Nothing was changed',
        '--out',
      );
    }
    expect(contentOf(short)).toEqual(before);
  });

  it('asks for --resume, and changes nothing', async () => {
    const before = contentOf(short);
    const message = await failure(trainArguments(data, short, '--epochs', '1'), 'RUN_EXISTS');
    expect(message).toContain('finished. Nothing was changed. Continue it with --resume');
    expect(contentOf(short)).toEqual(before);
  });

  it('resumes at once with the same result, and changes nothing', async () => {
    const before = contentOf(short);
    const args = trainArguments(data, short, '--epochs', '1', '--resume', '--json');
    const { stdout, stderr } = await succeed(args);
    expect(JSON.parse(stdout)).toEqual({
      run: short,
      ...(JSON.parse(readFileSync(join(short, 'results', 'erm.json'), 'utf8')) as object),
    });
    // Where PyTorch has CUDA and the machine no driver, that is said.
    expect(stderr.replace(/^Computing on the CPU: .*\n/m, '')).toBe('');
    expect(contentOf(short)).toEqual(before);
  });

  it('continues for more epochs, to the bits of a run that had them from the start', async () => {
    const run = await copyOfShort('extended');
    await succeed(trainArguments(data, run, '--resume', '--quiet'));
    expectAsReference(run);
  });
});

describe('a damaged run folder', () => {
  /** A copy without the large files that nothing reads before the damaged ones. */
  async function copyToDamage(): Promise<string> {
    const run = join(folder, 'damaged');
    rmSync(run, { recursive: true, force: true });
    await cp(short, run, { recursive: true, filter: (path) => !/(best|last)\.safetensors$/.test(path) });
    return run;
  }

  it.each([
    ['config.json', '{"config": {', 'RUN_INVALID'],
    ['config.json', '{"config": {}, "environment": {}}', 'RUN_INVALID'],
    ['metrics.jsonl', '{"epo\n{"epoch": 1}\n', 'RUN_INVALID'],
    ['metrics.jsonl', 'null\n{"epoch": 1}\n', 'RUN_INVALID'],
    [join('checkpoints', 'resume.safetensors'), 'too short to be whole', 'WEIGHTS_INVALID'],
  ] as const)('names %s with %j, and changes nothing', async (name, content, code) => {
    const run = await copyToDamage();
    writeFileSync(join(run, name), content);
    const before = contentOf(run);
    expect(await failure(trainArguments(data, run, '--resume'), code)).toContain(join(run, name));
    expect(contentOf(run)).toEqual(before);
  });

  it('names a truncated checkpoint, and changes nothing', async () => {
    const run = await copyToDamage();
    const path = checkpoint(run, 'resume');
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    const before = contentOf(run);
    const message = await failure(trainArguments(data, run, '--resume'), 'WEIGHTS_INVALID');
    expect(message).toContain(path);
    expect(message).toContain('truncated');
    expect(contentOf(run)).toEqual(before);
  });
});

describe('a run that is stopped', () => {
  it('by Ctrl-C keeps its last epoch, and resumes to the same bits', async () => {
    const run = join(folder, 'interrupted');
    const child = start(trainArguments(data, run));
    await child.printed(FIRST_EPOCH);
    child.signal('SIGINT');
    expectFailure(await child.outcome, 130, 'Stopped during epoch 2', '--resume');
    expect(epochsOf(run)).toEqual(epochsOf(short));
    expect(contentOf(join(run, 'checkpoints'))).toEqual(contentOf(join(short, 'checkpoints')));
    await succeed(trainArguments(data, run, '--resume', '--quiet'));
    expectAsReference(run);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s says in one line what to do, with --quiet too',
    async (signal) => {
      const run = join(folder, `quiet-${signal}`);
      const child = start(trainArguments(data, run, '--quiet', '--epochs', '1000'));
      await written(checkpoint(run, 'last'));
      child.signal(signal);
      const outcome = await child.outcome;
      expectFailure(outcome, signal === 'SIGINT' ? 130 : 143);
      expect(outcome.stderr).toMatch(
        /^Stopped during epoch \d+\b.*\. What was finished is kept, and the same call goes on from there\. .*--resume.*\n$/,
      );
    },
  );

  it('by a second signal ends at once, and says the same', async () => {
    const run = join(folder, 'at-once');
    const child = start(trainArguments(data, run, '--quiet', '--epochs', '1000'));
    await written(checkpoint(run, 'last'));
    // Both are there when it goes on.
    child.signal('SIGSTOP');
    child.signal('SIGINT');
    child.signal('SIGTERM');
    child.signal('SIGCONT');
    // null: by the signal, which shells report as 143.
    const outcome = await child.outcome;
    expect(outcome).toMatchObject({ exitCode: null, stdout: '' });
    expect(outcome.stderr).toMatch(/^Stopped at once\. What was finished is kept.*--resume.*\n$/);
    expect(existsSync(`${run}.lock`)).toBe(false);
  });

  it('by SIGKILL was closed to others, and resumes at once to the same bits', async () => {
    const run = join(folder, 'killed');
    const train = trainArguments(data, run, '--resume', '--quiet');
    const child = start(trainArguments(data, run));
    await child.printed(FIRST_EPOCH);
    // Held in the middle of its second epoch.
    child.signal('SIGSTOP');
    const before = contentOf(run);
    expect(await failure(train, 'RUN_BUSY')).toMatch(
      new RegExp(`^Process \\d+ of .+ is writing to ${run}\\. Wait for it to end`, 'm'),
    );
    expect(contentOf(run)).toEqual(before);
    child.signal('SIGKILL');
    expect(await child.outcome).toMatchObject({ exitCode: null, stdout: '' });
    expect(epochsOf(run)).toEqual(epochsOf(short));
    // As if it had died after it wrote the metrics of an epoch and before it saved the checkpoint.
    await cp(join(reference, 'metrics.jsonl'), join(run, 'metrics.jsonl'));
    await succeed(train);
    expectAsReference(run);
  });
});

describe('a run that diverged before its first epoch was finished', () => {
  it('gives its folder to other settings', async () => {
    const run = join(folder, 'too-fast');
    await failure(trainArguments(data, run, '--lr', '1e30'), 'NATIVE_FAILED');
    expect(existsSync(join(run, 'config.json'))).toBe(true);
    await succeed(trainArguments(data, run));
    expectAsReference(run);
  });
});

describe('metrics that were cut off in their last line', () => {
  it('lose it with a warning', async () => {
    const run = await copyOfShort('cut-off');
    appendFileSync(join(run, 'metrics.jsonl'), '{"epoch":2,"lr":');
    const { stderr } = await succeed(trainArguments(data, run, '--resume'));
    expect(stderr).toContain(`Warning: ${join(run, 'metrics.jsonl')}:2 is not an epoch as JSON`);
    expectAsReference(run);
  });
});

describe('an output folder that cannot be written', () => {
  it('is named', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'kept');
    for (const out of [file, join(file, 'run')]) {
      expect(await failure(trainArguments(data, out), 'OUTPUT_UNWRITABLE')).toContain(`Cannot write ${out}`);
    }
    expect(readFileSync(file, 'utf8')).toBe('kept');
  });
});

describe('weights to start from', () => {
  const train = (run: string, weights: string, ...more: string[]) =>
    trainArguments(data, join(folder, run), '--weights', weights, ...more);

  it('that are missing are named, and nothing is created', async () => {
    const missing = join(folder, 'missing.safetensors');
    const before = contentOf(folder);
    expect(await failure(train('no-weights', missing), 'WEIGHTS_INVALID')).toContain(missing);
    expect(contentOf(folder)).toEqual(before);
  });

  it('that are truncated are named', async () => {
    const path = join(folder, 'truncated.safetensors');
    const whole = readFileSync(best);
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    const message = await failure(train('truncated-weights', path), 'WEIGHTS_INVALID');
    expect(message).toContain(path);
    expect(message).toContain('truncated');
  });

  it('of another architecture are refused with the parameters', async () => {
    const message = await failure(train('other', best, '--arch', 'resnet18'), 'WEIGHTS_INVALID');
    expect(message).toContain(`${best} does not fit resnet18`);
    expect(message).toMatch(/missing: layer4\.0\.conv1\.weight, .* and \d+ more/);
    // Nothing that would take the place of a run with the right weights.
    expect(Object.values(contentOf(join(folder, 'other')))).toEqual(['folder', 'folder', 'folder']);
  });

  it('that are not numbers are named, and nothing is trained', async () => {
    const { tensors } = await readSafetensors(best);
    const weight = tensors['conv1.weight'];
    if (!weight) throw new Error('the checkpoint lacks conv1.weight');
    weight.data.fill(NaN as never);
    const path = join(folder, 'nan.safetensors');
    await writeSafetensors(path, tensors);
    const message = await failure(train('nan', path), 'WEIGHTS_INVALID');
    expect(message).toContain(`${path}: conv1.weight has 432 of 432 values that are infinite or NaN`);
    expect(contentOf(join(folder, 'nan', 'checkpoints'))).toEqual({});
  });

  it('that grow too large later stop that epoch, and the last good checkpoint is kept', async () => {
    const run = await copyOfShort('diverged');
    const path = checkpoint(run, 'resume');
    const { tensors, metadata } = await readSafetensors(path);
    const weight = tensors['model.fc.weight'];
    if (!weight) throw new Error('the checkpoint lacks model.fc.weight');
    weight.data.fill(3e38 as never);
    await writeSafetensors(path, tensors, { training: metadata.training ?? '' });
    const before = contentOf(run);
    const message = await failure(trainArguments(data, run, '--resume'), 'NATIVE_FAILED');
    expect(message).toMatch(/The loss became (NaN|-?Infinity) in epoch 2/);
    expect(message).toContain('is kept');
    // The configuration has the epochs that were asked for; all else is as it was.
    expect({ ...contentOf(run), 'config.json': '' }).toEqual({ ...before, 'config.json': '' });
  });
});

describe('trace unstructured', () => {
  it('names the neurons that there are when asked for more, and writes nothing', async () => {
    const before = contentOf(short);
    const args = ['trace', 'unstructured', '--run', short, '--top-k', '1,785'];
    const message = await failure(args, 'NEURONS_INVALID');
    expect(message).toContain('the top 785 neurons (--top-k): the model has 784');
    expect(contentOf(short)).toEqual(before);
  });

  it('names a folder without a run, and creates nothing', async () => {
    const missing = join(folder, 'no-run');
    expect(await failure(['trace', 'unstructured', '--run', missing], 'RUN_NOT_FOUND')).toContain(missing);
    expect(existsSync(missing)).toBe(false);
  });

  it('prints one document that equals the file it wrote', async () => {
    const run = await copyOfShort('traced');
    const { stdout } = await succeed([
      'trace',
      'unstructured',
      '--run',
      run,
      '--criteria',
      'magnitude',
      '--top-k',
      '1',
      '--null-draws',
      '2',
      '--json',
    ]);
    const path = join(run, 'results', 'trace-unstructured.json');
    const written = JSON.parse(readFileSync(path, 'utf8')) as object;
    expect(JSON.parse(stdout)).toEqual({ result: path, ...written });
  });
});
