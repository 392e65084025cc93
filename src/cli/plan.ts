import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { writeAtomic } from '../files.js';
import { quotedWord } from '../provenance.js';
import { plural } from '../report/format.js';
import type { SweepPlan } from '../reproduce/sweep/plan.js';
import { writeAlone } from '../writeAlone.js';
import type { Output } from './output.js';
import { misuse } from './parameters.js';
import { slurmScript } from './slurm.js';

export interface PlanOptions {
  readonly plan?: string;
  readonly slurm?: string;
}

/** Adds the options that write the runs as a list of jobs, and run none. */
export function addPlanOptions(command: Command): Command {
  return command
    .optionsGroup('Many machines:')
    .option(
      '--plan <file>',
      'write the runs as a list of jobs for sweep run, which takes device and threads, and train nothing',
    )
    .addOption(slurmOption())
    .optionsGroup('');
}

export function slurmOption(): Option {
  return new Option('--slurm <file>', 'also write a script that hands the jobs to Slurm');
}

/** Whether a list of jobs is wanted instead of their results. Throws `USAGE` for a script without one. */
export function wantsPlan(
  options: PlanOptions & { readonly dryRun?: boolean },
): options is PlanOptions & { readonly plan: string } {
  if (options.dryRun === true && options.plan !== undefined) {
    const problem = '`plan` writes the list of jobs that a dry run only tells: give one of them.';
    throw misuse('plan', options.plan, problem);
  }
  if (options.plan === undefined && options.slurm !== undefined)
    throw misuse('slurm', options.slurm, '`slurm` takes `plan`: the script runs the jobs of that list.');
  return options.plan !== undefined;
}

/**
 * Writes a list of jobs, and the script for Slurm where one is wanted, and says how to go on.
 *
 * @param afterwards what to do once all jobs are finished
 */
export async function writeJobs(
  plan: SweepPlan,
  { plan: path, slurm }: PlanOptions & { readonly plan: string },
  output: Output,
  afterwards: string,
): Promise<void> {
  const { writePlan } = await import('../reproduce/sweep/plan.js');
  await writePlan(path, plan);
  if (slurm !== undefined) {
    const script = slurmScript({ path: resolve(path), content: plan }, 'npx spurmem');
    await writeAlone(slurm, () => writeAtomic(slurm, script, 0o755));
  }
  const text = [
    `${plural(plan.jobs.length, 'job')} in ${path}. Run one with: spurmem sweep run --plan ${quotedWord(path)} --index 0`,
    ...(slurm === undefined ? [] : [`Hand all of them to Slurm with: bash ${quotedWord(slurm)}`]),
    `When all are finished: ${afterwards}`,
  ];
  output.result(text.join('\n'), plan);
}

/** The next step of a command that finds the results of its jobs. */
export const SAME_COMMAND = 'the same command without --plan, which trains nothing and writes the results';
