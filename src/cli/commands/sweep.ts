import type { Command } from 'commander';
import { writeAtomic } from '../../files.js';
import type { JobStatus } from '../../reproduce/sweep/jobs.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions, engineOption, integers } from '../options.js';
import { slurmOption, writeJobs } from '../plan.js';

interface PlanOptions extends CommonOptions {
  readonly sweep: string;
  readonly plan: string;
  readonly slurm?: string;
}

interface OfPlan extends CommonOptions {
  readonly plan: string;
}

interface RunJobOptions extends OfPlan {
  readonly index: readonly number[];
  readonly device?: string;
  readonly threads?: number;
}

/** Adds `sweep plan`, `sweep run`, `sweep status` and `sweep collect`. */
export function addSweepCommands(sweep: Command): void {
  addJob<PlanOptions>(
    addCommonOptions(
      sweep
        .command('plan')
        .description(
          'list the jobs of a sweep: every method with every combination of settings and every seed',
        )
        .requiredOption('--sweep <file>', 'the sweep, in YAML or JSON: out, data, seeds, settings, jobs')
        .requiredOption('--plan <file>', 'where the list of jobs goes')
        .addOption(slurmOption()),
    ),
    async ({ sweep: path, ...options }, output) => {
      const { planSweep } = await import('../../reproduce/sweep/planSweep.js');
      await writeJobs(await planSweep(path), options, output, `spurmem sweep collect --plan ${options.plan}`);
    },
  );

  addJob<RunJobOptions>(
    addCommonOptions(
      ofPlan(
        sweep,
        'run',
        'run jobs of a plan; one that was stopped goes on, one that is finished is left alone',
      )
        .addOption(integers('--index <list>', 'the jobs, by their numbers', 0).makeOptionMandatory())
        .addOption(engineOption('device'))
        .addOption(engineOption('threads')),
    ),
    async ({ plan: path, index, device, threads }, output, control) => {
      const [{ readPlan }, { runSweepJob }, { describeEpoch }] = await Promise.all([
        import('../../reproduce/sweep/plan.js'),
        import('../../reproduce/sweep/jobs.js'),
        import('../describe.js'),
      ]);
      const plan = await readPlan(path);
      const results = [];
      for (const one of index) {
        const { run, ...result } = await runSweepJob(plan, one, {
          ...control,
          device,
          threads,
          onEpoch: describeEpoch(output),
        });
        output.info(`Job ${one}: ${run}`);
        results.push({ index: one, run, ...result });
      }
      output.result(`${results.length} of ${plan.jobs.length} jobs are finished here.`, { jobs: results });
    },
  );

  addJob<OfPlan>(
    addCommonOptions(ofPlan(sweep, 'status', 'say where each job of a plan stands')),
    async ({ plan: path }, output) => {
      const [{ statusTable }, statuses] = await Promise.all([import('../sweepTables.js'), statusesOf(path)]);
      const document = statuses.map(({ job, state, epochs }) => ({ ...job, state, epochs }));
      output.result(statusTable(statuses, output.color), { jobs: document });
    },
  );

  addJob<OfPlan & { readonly csv?: string }>(
    addCommonOptions(
      ofPlan(sweep, 'collect', 'gather what the finished jobs of a plan gave').option(
        '--csv <file>',
        'also write the runs as a table',
      ),
    ),
    async ({ plan: path, csv }, output) => {
      const [{ collectSweep }, { collectedTable, csvRows }, { stringify }, statuses] = await Promise.all([
        import('../../reproduce/sweep/collect.js'),
        import('../sweepTables.js'),
        import('csv-stringify/sync'),
        statusesOf(path),
      ]);
      const table = collectSweep(statuses);
      if (csv !== undefined) await writeAtomic(csv, stringify(csvRows(table), { header: true }));
      output.result(collectedTable(table, output.color), table);
    },
  );
}

function ofPlan(sweep: Command, name: string, description: string): Command {
  return sweep
    .command(name)
    .description(description)
    .requiredOption('--plan <file>', 'what sweep plan, or reproduce with --plan, wrote');
}

async function statusesOf(path: string): Promise<JobStatus[]> {
  const [{ readPlan }, { sweepStatus }] = await Promise.all([
    import('../../reproduce/sweep/plan.js'),
    import('../../reproduce/sweep/jobs.js'),
  ]);
  return sweepStatus(await readPlan(path));
}
