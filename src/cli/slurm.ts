import type { Job } from '../study/plan.js';

/**
 * Returns a script that submits a study's jobs to Slurm: one array per stage, each after the previous one. Its arguments go to sbatch.
 *
 * @param words the command that runs jobs, without their numbers
 */
export function slurmScript(
  jobs: readonly Pick<Job, 'index' | 'stage'>[],
  words: readonly string[],
  program = 'npx spurmem',
): string {
  const stages = new Map<number, number[]>();
  for (const { index, stage } of jobs) stages.set(stage, [...(stages.get(stage) ?? []), index]);
  const submissions = [...stages].map(([stage, indices]) => {
    const after = stage === 0 ? '' : ' --dependency="afterok:$previous"';
    return [
      `previous=$(sbatch --parsable --job-name=study-${stage} --array=${ranges(indices)}${after} "$@" --wrap "$run")`,
      `echo "Stage ${stage}: ${indices.length} jobs, $previous"`,
    ].join('\n');
  });
  // The index comes first: an option with several values would swallow it.
  const [verb = '', name = '', ...others] = words.map(quotedWord);
  const command = [program, verb, name, '--index', '"$SLURM_ARRAY_TASK_ID"', ...others].join(' ');
  return [
    '#!/usr/bin/env bash',
    '# Submits the jobs of a study; arguments go to sbatch: bash this.sh --partition gpu --gres gpu:1 --time 12:00:00',
    'set -euo pipefail',
    `cd '${quoted(process.cwd())}'`,
    `run='${quoted(command)}'`,
    ...submissions,
    '',
  ].join('\n');
}

/** `0-3,5` */
function ranges(indices: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of indices) {
    const last = parts.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

function quotedWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `"${word.replace(/(["\\$`])/g, '\\$1')}"`;
}

/** Escapes a text for single quotes. */
function quoted(text: string): string {
  return text.replaceAll("'", String.raw`'\''`);
}
