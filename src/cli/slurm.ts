import { groupedBy } from '../kit/rows.js';
import type { Job } from '../study/plan.js';

/** How a study's jobs are divided among the tasks of Slurm's arrays. */
export interface SlurmOptions {
  /** Jobs that a task runs one after the other. */
  readonly perTask?: number;
  /** The number of tasks of an array at most: Slurm's MaxArraySize. */
  readonly arrayLimit?: number;
  /** The number of tasks that run at a time at most. */
  readonly atOnce?: number | undefined;
}

/**
 * Returns a script that submits a study's jobs to Slurm: an array per stage, each after the previous one. A task is the script itself
 * with other arguments.
 *
 * @param jobs in the order of their stages and indices
 * @param command runs jobs, without their numbers
 */
export function slurmScript(
  jobs: readonly Pick<Job, 'index' | 'stage'>[],
  command: readonly string[],
  { perTask = 1, arrayLimit = 1001, atOnce }: SlurmOptions = {},
): string {
  const inArray = perTask * arrayLimit;
  const submissions = groupedBy(jobs, ['stage']).flatMap((own) => {
    const { stage = 0, index: first = 0 } = own[0] ?? {};
    const last = first + own.length - 1;
    const starts = Array.from({ length: Math.ceil(own.length / inArray) }, (_, at) => first + at * inArray);
    return starts.map((start, at) => {
      const isStageEnd = at === starts.length - 1;
      const end = isStageEnd ? last : start + inArray - 1;
      // Slurm limits the running tasks of each array, so that these must follow each other.
      return `submit ${stage} ${start} ${end}${isStageEnd || atOnce !== undefined ? ' && wait_for_these' : ''}`;
    });
  });
  return `#!/usr/bin/env bash
# Submits the ${jobs.length} jobs of a study to Slurm: an array for each stage, after the previous one. Its arguments go to sbatch:
#   bash this.sh --partition gpu --gres gpu:1 --time 12:00:00
set -euo pipefail
script=$(realpath "$0")
cd ${quoted(process.cwd())}

# A task: its share of the array's jobs, $2 to $3.
if [ "\${1:-}" = --task ]; then
  first=$(($2 + SLURM_ARRAY_TASK_ID * ${perTask}))
  last=$((first + ${perTask - 1} < $3 ? first + ${perTask - 1} : $3))
  ${command.map(quoted).join(' ')} --index "$(seq -s , "$first" "$last")" \\
    \${SLURM_CPUS_PER_TASK:+--threads "$SLURM_CPUS_PER_TASK"} &
  run=$!
  trap 'kill "$run" || true' TERM
  # A signal ends the wait, not the run, which stops after SIGTERM without losing an epoch.
  while code=0; wait "$run" || code=$?; kill -0 "$run" 2>/dev/null; do :; done
  # Stopped near its time limit: it continues later. One that was cancelled or preempted does not count as running any more.
  if [ "$code" -eq 143 ] && [ "$(squeue --noheader --job "$SLURM_JOB_ID" --format %T)" = RUNNING ]; then
    scontrol requeue "$SLURM_JOB_ID"
  fi
  exit "$code"
fi

options=("$@")
these= after=
# STAGE FIRST LAST
submit() {
  id=$(sbatch --parsable --job-name="study-$1" --array="0-$((($3 - $2) / ${perTask}))${atOnce === undefined ? '' : `%${atOnce}`}" $after \\
    --requeue --open-mode=append --signal=B:TERM@120 \${options[@]+"\${options[@]}"} "$script" --task "$2" "$3")
  these+=":$id"
  echo "Stage $1: jobs $2 to $3, $id"
}
# Jobs whose parents failed start as well, and train these again.
wait_for_these() {
  after="--dependency=afterany$these"
  these=
}
${submissions.join('\n')}
`;
}

/** A word for a shell. */
function quoted(word: string): string {
  return /^[\w./,:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
