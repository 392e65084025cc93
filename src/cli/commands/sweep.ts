import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from '../../files.js';
import { csvRows } from '../../kit/rows.js';
import { quotedWord } from '../../provenance.js';
import type { JobStatus } from '../../reproduce/sweep/jobs.js';
import { integer } from '../../settings/values.js';
import type { TrainedRun } from '../../train/results.js';
import { addJob } from '../job.js';
import {
  addCommonOptions,
  type CommonOptions,
  engineOption,
  integers,
  tensorboardOption,
} from '../options.js';
import { slurmOption, writeJobs } from '../plan.js';
import { TypedOption } from '../settings.js';
import { isOneOfSeveral, sideBySide, takeJobs } from '../sideBySide.js';
import { collectedText, statusTable } from '../sweepTables.js';
import { textTable } from '../textTable.js';

interface OfPlan extends CommonOptions {
  readonly plan: string;
}

interface RunJobOptions extends OfPlan {
  readonly index?: readonly number[];
  readonly jobs: number;
  readonly device?: string;
  readonly threads?: number;
  readonly tensorboard?: string | boolean;
}

/** Adds `sweep plan`, `sweep run`, `sweep status` and `sweep collect`. */
export function addCommand(sweep: Command): void {
  const list = sweep
    .command('plan')
    .description('list the jobs of a sweep: every method with every combination of settings and every seed')
    .requiredOption('--sweep <file>', 'the sweep, in YAML or JSON: out, data, seeds, settings, jobs')
    .requiredOption('--plan <file>', 'where the list of jobs goes')
    .addOption(slurmOption());
  addJob<OfPlan & { readonly sweep: string; readonly slurm?: string }>(
    addCommonOptions(list),
    async ({ sweep: path, ...options }, output) => {
      const { planSweep } = await import('../../reproduce/sweep/planSweep.js');
      await writeJobs(
        await planSweep(path),
        options,
        output,
        `spurmem sweep collect --plan ${quotedWord(options.plan)}`,
      );
    },
  );

  const run = ofPlan(
    sweep,
    'run',
    'run jobs of a plan; one that was stopped goes on, one that is finished is left alone',
  )
    .addOption(integers('--index <list>', 'the jobs, by their numbers (default: all)', 0))
    .addOption(
      new TypedOption(
        '--jobs <n>',
        'jobs that run at a time, each in a process with its share of the cores as threads',
        integer(1),
      ).default(1),
    )
    .addOption(engineOption('device'))
    .addOption(engineOption('threads'))
    .addOption(tensorboardOption());
  addJob<RunJobOptions>(addCommonOptions(run), async (options, output, control) => {
    const [{ readPlan }, { runSweepJob }] = await Promise.all([
      import('../../reproduce/sweep/plan.js'),
      import('../../reproduce/sweep/jobs.js'),
    ]);
    const plan = await readPlan(options.plan);
    const { index = plan.jobs.keys(), device, threads, tensorboard } = options;
    const indices = [...new Set(index)];
    const results: (TrainedRun & { readonly index: number })[] = [];
    const finished = (number: number, result: unknown): void => {
      const trained = result as TrainedRun;
      output.info(`Job ${number}: ${trained.run}`);
      results.push({ index: number, ...trained });
    };
    const runOne = (number: number): Promise<TrainedRun> =>
      runSweepJob(plan, number, { ...control, device, threads, tensorboard, onEpoch: output.epochLines() });
    if (isOneOfSeveral()) {
      await takeJobs(runOne);
      return;
    }
    if (options.jobs === 1) for (const number of indices) finished(number, await runOne(number));
    else await sideBySide(wordsOf(options), indices, options.jobs, { ...control, onDone: finished });
    output.result(`${results.length} of ${plan.jobs.length} jobs are finished here.`, { jobs: results });
  });

  const status = ofPlan(sweep, 'status', 'say where each job of a plan stands');
  addJob<OfPlan>(addCommonOptions(status), async ({ plan: path }, output) => {
    const statuses = await statusesOf(path);
    const jobs = statuses.map(({ job, state, epochs }) => ({ ...job, state, epochs }));
    output.result(textTable(statusTable(statuses), output), { jobs });
  });

  const collect = ofPlan(sweep, 'collect', 'gather what the finished jobs of a plan gave').option(
    '--csv <file>',
    'also write the runs as a table',
  );
  addJob<OfPlan & { readonly csv?: string }>(
    addCommonOptions(collect),
    async ({ plan: path, csv }, output) => {
      const { collectSweep } = await import('../../reproduce/sweep/collect.js');
      const table = collectSweep(await statusesOf(path));
      if (csv !== undefined) await writeAtomic(csv, stringify(csvRows(table.runs), { header: true }));
      output.result(collectedText(table, output), table);
    },
  );
}

/** The command line of one of several processes. */
function wordsOf({ plan, jobs, device, tensorboard, ...options }: RunJobOptions): string[] {
  const { threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = options;
  return [
    ...['sweep', 'run', '--quiet', '--plan', plan, '--threads', String(threads)],
    ...(device === undefined ? [] : ['--device', device]),
    ...(tensorboard === undefined ? [] : ['--tensorboard']),
    ...(typeof tensorboard === 'string' ? [tensorboard] : []),
  ];
}

async function statusesOf(path: string): Promise<JobStatus[]> {
  const [{ readPlan }, { sweepStatus }] = await Promise.all([
    import('../../reproduce/sweep/plan.js'),
    import('../../reproduce/sweep/jobs.js'),
  ]);
  return sweepStatus(await readPlan(path));
}

function ofPlan(sweep: Command, name: string, description: string): Command {
  return sweep
    .command(name)
    .description(description)
    .requiredOption('--plan <file>', 'what sweep plan, or reproduce with --plan, wrote');
}
