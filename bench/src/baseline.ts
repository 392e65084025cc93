import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SpurmemError, messageOf } from '#src/errors.js';
import { benchSchema, type BenchResult, type CaseResult, type Comparison } from './result.js';

/** An earlier result that new ones are held against. */
export interface Baseline {
  readonly path: string;
  readonly result: BenchResult;
}

/**
 * Reads what an earlier `spurmem bench --json` printed.
 *
 * @param names cases that it must hold
 * @throws `BASELINE_INVALID` when the file is missing, damaged or lacks a case
 */
export async function readBaseline(path: string, names: readonly string[]): Promise<Baseline> {
  let result: BenchResult;
  try {
    result = benchSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new SpurmemError(
      'BASELINE_INVALID',
      `--compare: ${path} is no result of the benchmark: ${reason}\nMake one with: spurmem bench --case ... --json > ${path}`,
      { cause: error },
    );
  }
  const known = result.cases.map(({ name }) => name);
  const lacking = names.filter((name) => !known.includes(name));
  if (lacking.length > 0) {
    throw new SpurmemError(
      'BASELINE_INVALID',
      `--compare: ${path} has no ${lacking.join(', ')}; it has ${known.join(', ') || 'no case'}. ` +
        'Measure them into the baseline, or leave them out of --case.',
    );
  }
  return { path, result };
}

/**
 * Holds results against a baseline. Ratios are compared, not times: they carry over between states of a machine.
 *
 * @param tolerance the share of the baseline's ratio by which a case may fall behind it
 */
export function compareWithBaseline(
  cases: readonly CaseResult[],
  baseline: Baseline,
  tolerance: number,
): Comparison {
  return {
    baseline: baseline.path,
    tolerance,
    cases: cases.map(({ name, ratio }) => {
      const before = baseline.result.cases.find((earlier) => earlier.name === name);
      if (!before) throw new RangeError(`The baseline has no ${name}`);
      const baselineRatio = before.ratio.median;
      return {
        name,
        ratio: ratio.median,
        baselineRatio,
        fellBehind: ratio.median < baselineRatio * (1 - tolerance),
      };
    }),
  };
}
