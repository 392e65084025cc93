import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { slurmScript } from '../../src/cli/slurm.js';
import { tryLock } from '../../src/lock.js';
import { summarizeSeeds } from '../../src/metrics/seeds.js';
import { collectSweep } from '../../src/reproduce/sweep/collect.js';
import { runSweepJob, sweepStatus } from '../../src/reproduce/sweep/jobs.js';
import { readPlan, type SweepJob, type SweepPlan, writePlan } from '../../src/reproduce/sweep/plan.js';
import { planSweep } from '../../src/reproduce/sweep/planSweep.js';
import type { TrainedRun } from '../../src/train/results.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { answer, start, succeed } from '../cli/support.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun } from '../train/support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');

function sweep(name: string, text: string): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, text);
  return path;
}

const whole = (out: string): string => `
out: ${join(folder, out)}
data: ${data}
seeds: [0, 1]
settings: { batchSize: 32, epochs: 2 }
jobs:
  - method: erm
    settings: { arch: resnet20 }
    grid: { lr: [1e-3, 1e-2] }
  - name: last-layer
    method: dfr
    from: erm
    settings: { draws: 1 }
`;

describe('planSweep', () => {
  it('makes a job of every combination and seed, and starts runs from those of the same seed', async () => {
    const { jobs } = await planSweep(sweep('whole', whole('planned')));
    expect(jobs.map(({ index, stage, entry, seed, from }) => [index, stage, entry, seed, from])).toEqual([
      [0, 0, 'erm', 0, null],
      [1, 0, 'erm', 1, null],
      [2, 0, 'erm', 0, null],
      [3, 0, 'erm', 1, null],
      [4, 1, 'last-layer', 0, 0],
      [5, 1, 'last-layer', 0, 2],
      [6, 1, 'last-layer', 1, 1],
      [7, 1, 'last-layer', 1, 3],
    ]);
    expect(jobs[3]).toMatchObject({
      settings: { batchSize: 32, epochs: 2, arch: 'resnet20', lr: 0.01 },
      out: join(folder, 'planned/erm/lr=0.01/seed-1'),
    });
    expect(jobs[7]?.out).toBe(join(folder, 'planned/last-layer/erm.lr=0.01/seed-1'));
    expect(new Set(jobs.map(({ out }) => out)).size).toBe(8);
  });

  const head = `out: x\ndata: y\nseeds: [0]\n`;
  it.each([
    [`${head}jobs: [{ method: ermm }]`, /jobs\[0\]: there is no method ermm\. The nearest are erm/],
    [
      `${head}jobs: [{ method: erm, settings: { batch: 3 } }]`,
      /jobs\[0\]: There is no option `batch`\. .*batchSize/,
    ],
    [`${head}settings: { lrr: 1 }\njobs: [{ method: erm }]`, /settings: There is no option `lrr`\. .*lr/],
    [`${head}jobs: [{ method: erm, grid: { lr: [-1] } }]`, /jobs\[0\]: `lr` is -1/],
    [
      `${head}jobs: [{ method: finetune }]`,
      /`from` is missing, and takes an entry before it \(there is none\)/,
    ],
    [`${head}jobs: [{ method: erm }, { method: erm }]`, /jobs\[1\]: there is another entry named erm/],
    [`${head.replace('0', '1, 1')}jobs: [{ method: erm }]`, /must differ from each other/],
    [`${head}jobs: [{ method: erm, grid: { lr: [0.1, 0.1] } }]`, /must differ from each other/],
    [`${head.replace('0', '')}jobs: [{ method: erm }]`, /seeds/],
    [`${head}jobs: [{ method: erm, name: .. }]`, /jobs\.0\.name|not \. or \.\./],
    [`${head}jobs: [{ method: erm, name: . }]`, /not \. or \.\./],
    [`${head.replace('out: x', 'out: ""')}jobs: [{ method: erm }]`, /out/],
    [`${head.replace('out: x', 'out: "a\\0b"')}jobs: [{ method: erm }]`, /no path has the character/],
    [`${head}jobs: [{ method: erm, settings: &a { lr: *a } }]`, /a part of it holds itself/],
    [`${head}__proto__: 1\njobs: [{ method: erm }]`, /the key __proto__/],
    [`${head}job: []\njobs: [{ method: erm }]`, /job/],
    ['{', /no sweep/],
  ])('refuses %j', async (text, reason) => {
    const path = sweep('refused', text);
    await failure(planSweep(path), 'USAGE', path, reason);
  });

  it('is no plan with a job that starts from a later one', async () => {
    const plan = await planSweep(sweep('whole', whole('planned')));
    const path = join(folder, 'circle.json');
    writeFileSync(path, JSON.stringify({ ...plan, jobs: plan.jobs.map((job) => ({ ...job, from: 4 })) }));
    await failure(readPlan(path), 'USAGE', 'starts from one before it');
  });

  it.each<[object, RegExp]>([
    [{ out: '' }, /jobs\[0\]\.out/],
    [{ settings: { bogus: 1 } }, /jobs\[0\]: There is no option `bogus`/],
    [{ settings: { constructor: 1 } }, /There is no option `constructor`/],
    [{ settings: { threads: 64 } }, /There is no option `threads`/],
    [{ settings: { data: '/etc' } }, /There is no option `data`/],
    [{ settings: { onProgress: 1 } }, /There is no option `onProgress`/],
    [{ settings: { lr: '1' } }, /`lr` is "1": it takes a number above 0/],
    [{ seed: -1 }, /jobs\[0\]\.seed/],
    [{ seed: 2 ** 32 }, /jobs\[0\]\.seed/],
    [{ keepEpochs: [1e300] }, /jobs\[0\]\.keepEpochs/],
    [{ figures: { names: ['fig99'], settings: {} } }, /fig99/],
    [{ figures: { names: ['fig2'], settings: { bogus: 1 } } }, /There is no option `bogus`/],
  ])('is no plan with %j, which no command line takes', async (wrong, reason) => {
    const plan = await planSweep(sweep('whole', whole('planned')));
    const path = join(folder, 'wrong.json');
    const [first, ...others] = plan.jobs;
    writeFileSync(path, JSON.stringify({ ...plan, jobs: [{ ...first, ...wrong }, ...others] }));
    await failure(readPlan(path), 'USAGE', path, reason);
  });

  it('leaves nothing of a process that was killed while it wrote it', async () => {
    const plan = await planSweep(sweep('whole', whole('planned')));
    const path = join(folder, 'killed.json');
    writeFileSync(`${path}.${randomUUID()}.tmp`, '{');
    await writePlan(path, plan);
    expect(readdirSync(folder).filter((name) => name.startsWith('killed.json'))).toEqual(['killed.json']);
  });

  it('is written once', async () => {
    const plan = await planSweep(sweep('whole', whole('planned')));
    const path = join(folder, 'plan.json');
    await writePlan(path, plan);
    await writePlan(path, plan);
    expect(await readPlan(path)).toEqual(plan);
    await failure(writePlan(path, { ...plan, data: '/other' }), 'RUN_EXISTS');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"seed": 1', '"seed": 3'));
    await failure(readPlan(path), 'USAGE', 'it has changed since it was written');
  });
});

describe('slurmScript', () => {
  it('submits a stage after the one before it', async () => {
    const content = await planSweep(sweep('whole', whole('planned')));
    const script = slurmScript({ path: '/shared/my plan.json', content }, 'npx spurmem');
    expect(script).toContain(
      `run='npx spurmem sweep run --plan "/shared/my plan.json" --index "$SLURM_ARRAY_TASK_ID"'`,
    );
    expect(script).toContain('--job-name=sweep-0 --array=0-3 "$@"');
    expect(script).toContain('--job-name=sweep-1 --array=4-7 --dependency="afterok:$previous" "$@"');
  });
});

// Jobs that are killed and run side by side: studySweep.slow.test.ts.
describe('four jobs', () => {
  const planOf = (out: string): Promise<SweepPlan> =>
    planSweep(sweep(out, whole(out).replace('[1e-3, 1e-2]', '[1e-3]')));
  beforeAll(async () => {
    await tinyDominoes(data);
  });

  it('run with the run that they start from, and give a table over seeds', async () => {
    const plan = await planOf('jobs');
    const path = join(folder, 'jobs.json');
    await writePlan(path, plan);
    const told: string[] = [];
    await runSweepJob(plan, 2, { onInfo: (text) => told.push(text) });
    expect(told[0]).toBe('Job 2 starts from job 0, which is run first.');
    expect((await sweepStatus(plan)).map(({ state }) => state)).toEqual([
      'finished',
      'waiting',
      'finished',
      'waiting',
    ]);
    // Twice is as good as once.
    for (const index of [0, 1, 2, 3]) await runSweepJob(plan, index);
    const statuses = await sweepStatus(plan);
    expect(statuses.map(({ state }) => state)).toEqual(Array(4).fill('finished'));
    const { rows, runs } = collectSweep(statuses);
    expect(rows.map(({ entry, n }) => [entry, n])).toEqual([
      ['erm', 2],
      ['last-layer', 2],
    ]);
    const tested = statuses.map(({ result }) => result?.test.worstGroupAccuracy ?? Number.NaN);
    expect(runs.map(({ testWorstGroupAccuracy }) => testWorstGroupAccuracy)).toEqual(tested);
    expect(rows.map((row) => [row.testWorstGroupAccuracy, row.testWorstGroupAccuracyLow])).toEqual(
      [tested.slice(0, 2), tested.slice(2)].map((own) => {
        const { mean, interval } = summarizeSeeds(own);
        return [mean, interval?.[0]];
      }),
    );

    const longer = plan.jobs.map((job) => ({ ...job, settings: { ...job.settings, epochs: 3 } }));
    expect((await sweepStatus({ ...plan, jobs: longer.slice(0, 2) })).map(({ state }) => state)).toEqual([
      'stopped',
      'stopped',
    ]);
    const shorter = plan.jobs.map((job) => ({ ...job, settings: { ...job.settings, epochs: 1 } }));
    const tooLong = /Job 0: \S+ holds a run with epochs 2, and the plan has 1/;
    await failure(sweepStatus({ ...plan, jobs: shorter.slice(0, 2) }), 'RUN_EXISTS', tooLong);
    const others = plan.jobs.map((job) => ({ ...job, settings: { ...job.settings, lr: 0.5 } }));
    const reason = /Job 0: \S+ holds a run with lr 0\.001, and the plan has 0\.5/;
    await failure(sweepStatus({ ...plan, jobs: others.slice(0, 2) }), 'RUN_EXISTS', reason);

    const csv = join(folder, 'runs.csv');
    const { stdout } = await succeed(['sweep', 'collect', '--plan', path, '--csv', csv], answer);
    expect(stdout).toMatch(/erm .* 2 .*\d\d\.\d\d \[/);
    expect((await readFile(csv, 'utf8')).split('\n')).toHaveLength(6);
    const status = await succeed(['sweep', 'status', '--plan', path], answer);
    expect(status.stdout).toContain('4 jobs: 4 finished');
  });

  it('run two at a time, go on after SIGTERM, and where one fails the others run', async () => {
    const plan = await planOf('side-by-side');
    const path = join(folder, 'side-by-side.json');
    await writePlan(path, plan);
    const words = ['sweep', 'run', '--plan', path, '--jobs', '2', '--json'];
    const stopped = start(words);
    await stopped.printed(/Job 0:/);
    stopped.signal('SIGTERM');
    expect(await stopped.outcome).toMatchObject({ exitCode: 143 });
    expect((await sweepStatus(plan)).map(({ state }) => state)).not.toContain('running');
    // Job 1, and with it job 3, cannot start from what is in its folder.
    const [, second] = plan.jobs;
    mkdirSync(second?.out ?? '', { recursive: true });
    rmSync(second?.out ?? '', { recursive: true });
    writeFileSync(second?.out ?? '', 'no folder');
    const failed = await start(words).outcome;
    expect(failed).toMatchObject({ exitCode: 1 });
    expect(failed.stderr).toContain('2 of 4 jobs failed: 1, 3.');
    rmSync(second?.out ?? '');
    const { stdout } = await succeed(words);
    const { jobs } = JSON.parse(stdout) as { jobs: { index: number; run: string }[] };
    expect(jobs.map(({ index }) => index).toSorted()).toEqual([0, 1, 2, 3]);
    const run = (index: number): RunFolder => new RunFolder(plan.jobs[index]?.out ?? '');
    const alone = await planOf('alone');
    await runSweepJob(alone, 1, { threads: 1 });
    await expectSameRun(run(1), new RunFolder(alone.jobs[1]?.out ?? ''));
  }, 120_000);

  it('are waited for where another process is at them', async () => {
    const plan = await planOf('jobs');
    const { out } = plan.jobs[0] as SweepJob;
    const lock = await tryLock(`${out}.lock`);
    let waiting: Promise<TrainedRun> | undefined;
    const told = new Promise<string>((resolve) => {
      waiting = runSweepJob(plan, 2, { onInfo: resolve });
    });
    expect(await told).toBe(`Another job of this process is writing to ${out}. Job 0 waits for it.`);
    const stopped = new AbortController();
    const other = runSweepJob(plan, 0, { signal: stopped.signal });
    stopped.abort();
    await failure(other, 'INTERRUPTED');
    await lock?.release();
    expect((await waiting)?.run).toBe(plan.jobs[2]?.out);
  });

  it('have no fifth', async () => {
    await failure(runSweepJob(await planOf('jobs'), 4), 'USAGE', '`index` is 4, and the plan has 4 jobs');
  });

  it('are counted where they are not finished', async () => {
    const plan = await planOf('fresh');
    mkdirSync(join(folder, 'fresh'), { recursive: true });
    const { runs, rows, unfinished } = collectSweep(await sweepStatus(plan));
    expect({ runs, rows, unfinished }).toEqual({ runs: [], rows: [], unfinished: [0, 1, 2, 3] });
  });
});
