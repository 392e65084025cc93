import { readdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { readSafetensors } from '../../src/models/safetensors.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { ermRun, stateOf, tinyDominoes } from '../fixtures.js';
import { relativeDifference } from '../parity/compare.js';
import { temporaryFolder } from '../temporary.js';
import {
  failureIn,
  ROOT,
  start,
  type Started,
  startProcess,
  succeed,
  trainOptions,
  words,
} from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const erm = join(folder, 'erm');
const ONE_THREAD = { OMP_NUM_THREADS: '1' };

/** Weights move so little that rounding cannot send a ReLU the other way, which changes a gradient by far more than rounding does. */
const training = [
  '--epochs',
  '2',
  '--batch-size',
  '25',
  '--lr',
  '0.000001',
  '--threads',
  '1',
  '--keep-state',
];
const synchronized = ['--sync-batch-norm'];

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, erm));
});

test('under torchrun, two processes train ERM as one does', async () => {
  const ofOne = join(folder, 'erm-one');
  const ofTwo = join(folder, 'erm-two');
  const command = ['train', 'erm', '--data', data, '--arch', 'resnet20', ...training];
  await Promise.all([
    succeed([...command, '--out', ofOne]),
    torchrun([...command, ...synchronized, '--out', ofTwo]),
  ]);
  await expectSameTraining('ERM', ofOne, ofTwo);
});

test('two processes fine-tune as one does', async () => {
  const ofOne = join(folder, 'finetune-one');
  const ofTwo = join(folder, 'finetune-two');
  const command = ['train', 'finetune', '--from', erm, '--kick-in-epoch', 'selected', '--fraction', '0.001'];
  await Promise.all([
    succeed([...command, ...training, '--out', ofOne]),
    inTwoProcesses([...command, ...training, ...synchronized, '--out', ofTwo]),
  ]);
  await expectSameTraining('fine-tuning', ofOne, ofTwo);
});

test('two processes count what one counts in a trace', async () => {
  const command = words`trace unstructured --run ${erm} --threads 1 --null-draws 2 --top-k 1,3`;
  const [ofOne, ofTwo] = await Promise.all([
    succeed([...command, '--json']),
    inTwoProcesses([...command, '--json']),
  ]);
  const [one, two] = [ofOne.stdout, ofTwo].map((text) => JSON.parse(text) as { entries: object[] });
  expect(one?.entries.length).toBeGreaterThan(0);
  expect(two?.entries.map(countsOf)).toEqual(one?.entries.map(countsOf));
});

describe('a process that is killed is named by the other, and both resume', () => {
  const killable = (out: string): string[] => words`train erm --data ${data} --arch resnet20 --batch-size
    24 --threads 1 --epochs 3 --out ${join(folder, out)}`;

  beforeAll(async () => {
    await inTwoProcesses(killable('undisturbed'));
  });

  // The first one hosts the place where they meet, and writes the files.
  test.each([0, 1])('process %d', async (victim) => {
    const out = `killed-${victim}`;
    const processes = await startTwo(killable(out));
    await processes[0].printed(/epoch 1: /);
    processes[victim]?.signal('SIGKILL');
    const killed = performance.now();
    const other = await processes[1 - victim]?.outcome;
    const seconds = (performance.now() - killed) / 1000;
    console.log(`${seconds.toFixed(1)} s after process ${victim} was killed the other had ended`);
    expect(other?.exitCode).toBe(1);
    expect(other?.stderr).toContain(`Process ${victim} of 2 ended before the others`);
    const again = await startTwo([...killable(out), '--resume']);
    const outcomes = await Promise.all(again.map(({ outcome }) => outcome));
    expect(outcomes.map((outcome) => outcome.exitCode)).toEqual([0, 0]);
    // One of them prints.
    expect(outcomes.map(({ stdout }) => stdout.includes(`Run: ${join(folder, out)}`))).toEqual([true, false]);
    const written = await readdir(join(folder, out, 'checkpoints'));
    expect(written.filter((name) => !/^epoch-\d+$/.test(name))).toEqual([]);
    expect(await metricsOf(out)).toEqual(await metricsOf('undisturbed'));
  });

  /** All but what took time. */
  async function metricsOf(run: string): Promise<object[]> {
    const epochs = await new RunFolder(join(folder, run)).readMetrics();
    return epochs.map((epoch) => ({ ...epoch, seconds: 0 }));
  }
});

test('what several processes cannot do is refused', async () => {
  const place = { WORLD_SIZE: '2', RANK: '0', MASTER_PORT: String(await freePort()) };
  await failureIn(place, ['train', 'erm', '--data', data], 'USAGE', 'MASTER_ADDR is missing');
  const command = ['train', 'groupdro', '--data', data, '--out', join(folder, 'dro'), '--arch', 'resnet20'];
  const outcomes = await Promise.all((await startTwo(command)).map(({ outcome }) => outcome));
  for (const { exitCode, stderr } of outcomes) {
    expect(stderr).toContain('Several processes cannot train this together');
    expect(exitCode).toBe(2);
  }
});

test('a batch of one image for each process is refused before the first step', async () => {
  // 84 images leave two; resnet18's last layers see 1 x 1 px of an image of 32 x 16 px.
  const out = join(folder, 'one-each');
  const command = ['train', 'erm', '--data', data, '--out', out, '--arch', 'resnet18', '--batch-size', '41'];
  const outcomes = await Promise.all((await startTwo(command)).map(({ outcome }) => outcome));
  for (const { exitCode, stderr } of outcomes) {
    expect(stderr).toContain('no batch of one image for a process');
    expect(exitCode).toBe(2);
  }
});

/** Runs a command in two processes of torchrun, and returns what they printed on stdout. */
async function torchrun(args: readonly string[]): Promise<string> {
  const rendezvous = join(folder, `rendezvous-${Math.random()}`);
  // Debian's PyTorch is built without libuv, which its stores take by default.
  const own = { ...ONE_THREAD, TORCH_DISABLE_SHARE_RDZV_TCP_STORE: '1', USE_LIBUV: '0' };
  const command = [
    ...['-m', 'torch.distributed.run', '--nproc-per-node', '2', '--no-python'],
    // Debian's PyTorch lacks the library that torchrun's own store wants.
    ...['--rdzv-backend', 'c10d', '--rdzv-conf', 'store_type=file', '--rdzv-endpoint', rendezvous],
    ...[process.execPath, join(ROOT, 'bin', 'spurmem.js'), ...args],
  ];
  const { exitCode, stdout, stderr } = await startProcess(
    process.env.SPURMEM_PYTHON ?? 'python3',
    command,
    own,
    300_000,
  ).outcome;
  if (exitCode !== 0) throw new Error(`torchrun failed:\n${stderr}`);
  return stdout;
}

/** As `torchrun`, which sets these variables, without the seconds in which it imports PyTorch. */
async function inTwoProcesses(args: readonly string[]): Promise<string> {
  const outcomes = await Promise.all((await startTwo(args)).map(({ outcome }) => outcome));
  for (const { exitCode, stderr } of outcomes) {
    if (exitCode !== 0) throw new Error(`One of two processes failed:\n${stderr}`);
  }
  return outcomes.map(({ stdout }) => stdout).join('');
}

/** Starts a command in two processes that meet at a port of this machine. */
async function startTwo(args: readonly string[]): Promise<[Started, Started]> {
  const place = { WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const startOne = (rank: number): Started => start(args, { ...ONE_THREAD, ...place, RANK: String(rank) });
  return [startOne(0), startOne(1)];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Two epochs: losses to 1e-5, the last step's gradients within 1e-2 of their norm, the same predictions. */
async function expectSameTraining(name: string, ofOne: string, ofTwo: string): Promise<void> {
  const [one, two] = await Promise.all([ofOne, ofTwo].map((path) => new RunFolder(path).readMetrics()));
  const losses = [one, two].map((epochs) =>
    epochs?.flatMap(({ trainLoss, valLoss }) => [trainLoss, valLoss]),
  );
  const errors = losses[0]?.map((loss, i) => Math.abs((losses[1]?.[i] ?? NaN) / loss - 1)) ?? [];
  const ofGradients = relativeDifference(await momentsIn(ofTwo), await momentsIn(ofOne));
  console.log(
    `${name}: largest relative difference of a loss ${Math.max(...errors).toExponential(1)} (allowed: 1e-5), ` +
      `of Adam's first moments ${ofGradients.toExponential(1)} of their norm (allowed: 1e-2)`,
  );
  expect(Math.max(...errors)).toBeLessThan(1e-5);
  expect(ofGradients).toBeLessThan(1e-2);
  expect(two?.map(({ val }) => val.correct)).toEqual(one?.map(({ val }) => val.correct));
}

async function momentsIn(run: string): Promise<Float64Array> {
  const { tensors } = await readSafetensors(stateOf(new RunFolder(run)));
  const moments = Object.entries(tensors).filter(([name]) => name.startsWith('optimizer.exp_avg.'));
  return Float64Array.from(moments.flatMap(([, { data: values }]) => Array.from(values, Number)));
}

function countsOf(entry: object): object {
  const { accuracy, change, neurons } = entry as Record<string, unknown>;
  return { accuracy, change, neurons };
}
