import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SpurmemError } from '#src/errors.js';
import { type BenchResult, benchSchema, type CaseResult, type Comparison } from './result.js';

/** An earlier result that new ones are compared with. */
export interface Baseline {
  readonly path: string;
  readonly result: BenchResult;
}

/**
 * Reads what an earlier `npm run bench -- --json` printed.
 *
 * @param names cases that it must hold
 * @throws `BASELINE_INVALID` when the file is missing, damaged or lacks a case
 */
export async function readBaseline(path: string, names: readonly string[]): Promise<Baseline> {
  const result = await readResult(path, '--compare');
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
 * The cases of an unfinished result; none if the file is missing.
 *
 * @param about the machine and settings of the new ones
 * @throws `BASELINE_INVALID` when it is damaged, or of another state of the code or another machine
 */
export async function readKept(
  path: string,
  about: Pick<BenchResult, 'machine' | 'device' | 'threads'>,
): Promise<CaseResult[]> {
  if (!existsSync(path)) return [];
  const { cases, machine, device, threads } = await readResult(path, '--out');
  const before: Record<string, string | number> = { ...machine, device, threads };
  const differing = Object.entries({ ...about.machine, device: about.device, threads: about.threads })
    // A part that needs no PyTorch does not name one.
    .filter(([name, value]) => before[name] !== undefined && before[name] !== value)
    .map(([name, value]) => `${name} ${before[name]} there and ${value} here`);
  if (differing.length > 0) {
    throw new SpurmemError(
      'BASELINE_INVALID',
      `--out: ${path} was measured otherwise: ${differing.join(', ')}. Name another file, or remove it.`,
    );
  }
  return cases;
}

async function readResult(path: string, option: string): Promise<BenchResult> {
  try {
    return benchSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new SpurmemError(
      'BASELINE_INVALID',
      `${option}: ${path} is no result of the benchmark: ${reason}\nMake one with: npm run bench -- --case ... --json > ${path}`,
      { cause: error },
    );
  }
}

/**
 * Compares results with a baseline by ratios, which depend less on the state of a machine than times. The ratio is that of the sides' min
 * processor times, to which other work on the machine can only add; if a result lacks these, the median ratio of the pairs.
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
    cases: cases.map((one) => {
      const before = baseline.result.cases.find(({ name }) => name === one.name);
      if (!before) throw new RangeError(`The baseline has no ${one.name}`);
      const [now, then] = [steadyRatio(one), steadyRatio(before)];
      const areKnown = now !== null && then !== null;
      const [ratio, baselineRatio] = areKnown ? [now, then] : [one.ratio.median, before.ratio.median];
      return compared(one, ratio, baselineRatio, tolerance);
    }),
  };
}

/** Factor on the tolerance for wall-clock time against an earlier build, which shows cores that are no longer used. */
const BY_THE_CLOCK = 3;

/** Compares results whose rival was an earlier checkout's build: a ratio of 1 is as fast as before. */
export function compareWithEarlier(
  cases: readonly CaseResult[],
  checkout: string,
  tolerance: number,
): Comparison {
  return {
    baseline: checkout,
    tolerance,
    cases: cases.map((one) => {
      const byTheClock = one.ratio.median;
      const isFarBehind = byTheClock < 1 - BY_THE_CLOCK * tolerance;
      return compared(one, isFarBehind ? byTheClock : (steadyRatio(one) ?? byTheClock), 1, tolerance);
    }),
  };
}

function compared(
  { name }: CaseResult,
  ratio: number,
  baselineRatio: number,
  tolerance: number,
): Comparison['cases'][number] {
  return { name, ratio, baselineRatio, fellBehind: ratio < baselineRatio * (1 - tolerance) };
}

/** The rival's min processor time over ours; null if one is unknown. */
function steadyRatio({ ours, rival }: CaseResult): number | null {
  const [own, other] = [ours.leastCpuSeconds ?? 0, rival.leastCpuSeconds ?? 0];
  return own > 0 && other > 0 ? other / own : null;
}
