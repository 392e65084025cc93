import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sweepStatus } from '../../src/reproduce/sweep/jobs.js';
import { readPlan } from '../../src/reproduce/sweep/plan.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure, spurmem, start, succeed, words } from '../cli/support.js';
import { recordedIn, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun } from '../train/support.js';

/** Jobs spread over processes give what one process gives. */
const folder = temporaryFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
const read = (...parts: string[]): string => readFileSync(at(...parts), 'utf8');
const data = at('data');

beforeAll(async () => {
  await tinyDominoes(data);
});

/** Runs jobs of a plan in some order, two processes side by side; each must end well. */
async function runAll(plan: string, order: readonly number[]): Promise<void> {
  const left = [...order];
  const worker = async (): Promise<void> => {
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      const { exitCode, stderr } = await spurmem(runArguments(plan, index));
      // The order is a random one: a failure tells it.
      expect({ order, index, exitCode, stderr }).toMatchObject({ exitCode: 0 });
    }
  };
  await Promise.all([worker(), worker()]);
}

const runArguments = (plan: string, index: number): string[] =>
  words`sweep run --plan ${plan} --index ${index} --threads 1`;

function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  return order
    .map((index) => ({ index, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ index }) => index);
}

/** Kills a job after its first epoch, at a moment that is another one each time. */
async function kill(plan: string, index: number): Promise<void> {
  const child = start(runArguments(plan, index));
  await child.printed(/epoch 1:/);
  await new Promise((resolve) => setTimeout(resolve, 500 * Math.random()));
  child.signal('SIGKILL');
  await child.outcome;
}

/** The results in a run's folder. */
const resultsOf = (run: string): Promise<string[]> => new RunFolder(at(run)).results();

test('a study whose jobs run in any order, side by side, killed and again, gives the tables of one process', async () => {
  const study = words`reproduce baselines --data ${data} --arch resnet20 --seeds 0,1 --threads 1
    --erm-epochs 2 --erm-batch-size 42 --epochs 2 --batch-size 42 --equivalence 3 --only ERM SUBG DFR
    fine-tuned`;
  await succeed([...study, '--out', at('whole')]);

  const plan = at('plan.json');
  const spread = [...study, '--out', at('spread')];
  const { stdout } = await succeed([...spread, '--plan', plan, '--slurm', at('submit.sh')]);
  expect(stdout).toContain('8 jobs in');
  expect(stdout).toContain('the same command without --plan');
  // Declared before the first run, and nothing else.
  expect(readdirSync(at('spread'))).toEqual(['baselines.plan.json']);
  expect(read('spread/baselines.plan.json')).toBe(read('whole/baselines.plan.json'));
  expect(read('submit.sh')).toContain('--job-name=sweep-1 --array=4-7 --dependency="afterok:$previous" "$@"');
  const { jobs } = await readPlan(plan);
  expect(
    jobs.map(({ stage, entry, seed, from, keepEpochs }) => [stage, entry, seed, from, keepEpochs]),
  ).toEqual([
    ...[
      [0, 'erm', 0, null, [1]],
      [0, 'subg', 0, null, undefined],
    ],
    ...[
      [0, 'erm', 1, null, [1]],
      [0, 'subg', 1, null, undefined],
    ],
    ...[
      [1, 'dfr', 0, 0, undefined],
      [1, 'finetune', 0, 0, undefined],
    ],
    ...[
      [1, 'dfr', 1, 2, undefined],
      [1, 'finetune', 1, 2, undefined],
    ],
  ]);

  // Two at once that start from one run, which is not there.
  await runAll(plan, [4, 5]);
  expect(await resultsOf('spread/erm/seed-0')).toEqual(['erm']);
  // Killed while it trains the run that it starts from, or after that.
  await kill(plan, 7);
  await runAll(plan, shuffled(8));
  const statuses = await sweepStatus(await readPlan(plan));
  expect(statuses.map(({ state }) => state)).toEqual(Array(8).fill('finished'));
  for (const { out, method } of jobs) expect(await resultsOf(out.slice(folder.length))).toEqual([method]);

  const { stderr } = await succeed(spread);
  expect(stderr).not.toMatch(/images in|epoch/);
  // The report has the files of numbers, which name the runs' folders, and the checksum is of a file with these names.
  const unpacked = (place: string, name: string): string =>
    read(place, name)
      .replace(/base64,([^"]+)/g, (_match, text: string) => Buffer.from(text, 'base64').toString())
      .replaceAll(at(place), 'STUDY')
      .replace(/"checksum": "[0-9a-f]{8}"/, '"checksum": ""');
  for (const name of ['baselines.json', 'baselines.csv', 'baselines.svg', 'report.html']) {
    expect([name, unpacked('spread', name)]).toEqual([name, unpacked('whole', name)]);
  }
  const settings = (run: string): object =>
    (JSON.parse(read(run, 'config.json')) as { config: object }).config;
  for (const { out, method } of jobs) {
    const run = out.slice(at('spread').length);
    expect(settings(join('spread', run))).toEqual(settings(join('whole', run)));
    const [one, other] = ['spread', 'whole'].map((place) => new RunFolder(at(place, run)));
    await expectSameRun(one as RunFolder, other as RunFolder, method);
  }

  // The folder is of that plan, and of these seeds.
  const others = [...study, '--out', at('other'), '--plan', plan];
  await failure(others, 'RUN_EXISTS', 'holds another plan, of 8 jobs');
  await failure([...spread, '--seeds', '0,1,2'], 'RUN_EXISTS', 'declares other seeds');
});

test('the models of Part I, traced in processes of their own, give the figures of one process', async () => {
  const figure = words`reproduce fig2 --data ${data} --arch resnet20 --epochs 1 --batch-size 42
    --null-draws 0 --seeds 3,4 --threads 1`;
  await succeed([...figure, '--run', at('models')]);

  const plan = at('models.json');
  const spread = [...figure, '--run', at('spread-models')];
  await succeed([...spread, '--plan', plan]);
  expect(existsSync(at('spread-models'))).toBe(false);
  // Trained, and not traced yet.
  const child = start(runArguments(plan, 1));
  await child.printed(/trace: zero/);
  child.signal('SIGKILL');
  await child.outcome;
  const status = async () => (await sweepStatus(await readPlan(plan))).map(({ state }) => state);
  expect(await status()).toEqual(['waiting', 'stopped']);
  // One job twice at once: one traces, and the other one waits for it.
  await runAll(plan, [1, 1, 0]);
  expect(await status()).toEqual(['finished', 'finished']);
  expect(await resultsOf('spread-models/seed-4')).toContain('trace-unstructured');

  const { stderr } = await succeed(spread);
  expect(stderr).not.toMatch(/images in|epoch|trace:/);
  for (const name of [
    'fig2.json',
    'fig2.csv',
    'seed-4/results/fig2.json',
    'seed-4/results/trace-unstructured.json',
  ]) {
    const [one, other] = ['spread-models', 'models'].map((place) =>
      name.includes('/results/') && name.endsWith('.json') ? recordedIn(at(place, name)) : read(place, name),
    );
    expect([name, one]).toEqual([name, other]);
  }
});

test('a plan of what cannot be run is refused', async () => {
  const figure = ['reproduce', 'fig2', '--run', at('none'), '--plan', at('none.json')];
  await failure(figure, 'USAGE', '--plan takes --seeds');
  await failure([...figure, '--seeds', '0'], 'USAGE', '--data is missing');
  await failure([...figure, '--seeds', '0', '--data', data], 'USAGE', 'give --data and --arch');
  const study = ['reproduce', 'table8', '--data', data, '--out', at('none')];
  await failure([...study, '--slurm', at('none.sh')], 'USAGE', '--slurm takes --plan');
  expect(existsSync(at('none')) || existsSync(at('none.json'))).toBe(false);
});
