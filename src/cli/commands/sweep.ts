import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { JobStatus } from '../../reproduce/sweep/jobs.js';
import { addJob } from '../job.js';
import { addCommonOptions, deviceOption, integers, threadsOption, type CommonOptions } from '../options.js';

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
  readonly device: string;
  readonly threads: number;
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
        .option('--slurm <file>', 'also write a script that hands the jobs to Slurm'),
    ),
    async ({ sweep: path, plan: planPath, slurm }, output) => {
      const [{ planSweep }, { writePlan }, { slurmScript }] = await Promise.all([
        import('../../reproduce/sweep/planSweep.js'),
        import('../../reproduce/sweep/plan.js'),
        import('../slurm.js'),
      ]);
      const plan = await planSweep(path);
      await writePlan(planPath, plan);
      if (slurm !== undefined) {
        const script = slurmScript({ path: resolve(planPath), content: plan }, 'npx spurmem');
        await writeFile(slurm, script, { mode: 0o755 });
      }
      const text = [
        `${plan.jobs.length} jobs in ${planPath}. Run one with: spurmem sweep run --plan ${planPath} --index 0`,
        ...(slurm === undefined ? [] : [`Hand all of them to Slurm with: bash ${slurm}`]),
      ];
      output.result(text.join('\n'), plan);
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
        .addOption(deviceOption())
        .addOption(threadsOption()),
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
          ...{ ...control, device, threads },
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
      if (csv !== undefined) await writeFile(csv, stringify(csvRows(table), { header: true }));
      output.result(collectedTable(table, output.color), table);
    },
  );
}

function ofPlan(sweep: Command, name: string, description: string): Command {
  return sweep
    .command(name)
    .description(description)
    .requiredOption('--plan <file>', 'what sweep plan wrote');
}

async function statusesOf(path: string): Promise<JobStatus[]> {
  const [{ readPlan }, { sweepStatus }] = await Promise.all([
    import('../../reproduce/sweep/plan.js'),
    import('../../reproduce/sweep/jobs.js'),
  ]);
  return sweepStatus(await readPlan(path));
}
