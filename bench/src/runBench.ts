import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { SpurmemError } from '#src/errors.js';
import { makeFolder, writeJson } from '#src/files.js';
import { resolveDevice } from '#src/native/engine.js';
import { nearestNames } from '#src/nearest.js';
import type { JobOptions } from '#src/progress.js';
import { compareWithBaseline, compareWithEarlier, readBaseline, readKept } from './baseline.js';
import type { BenchCase } from './case.js';
import { CASES } from './cases.js';
import { againstEarlier } from './earlier.js';
import { describeMachine } from './machine.js';
import { measureCase } from './measure.js';
import { pytorchVersion } from './python.js';
import type { BenchResult, CaseResult, Comparison } from './result.js';

/** The word for the whole list. */
const ALL_CASES = 'all';

/** How often a case is measured if it falls behind. */
const ROUNDS = 3;

export interface BenchOptions extends JobOptions {
  /** Case names, or `all`: every case that needs no run. */
  readonly cases: readonly string[];
  /** Measured repeats of each side; by default as many as each case says. */
  readonly repeats?: number | undefined;
  /** The folder of the data that cases make. */
  readonly folder: string;
  /** A trained run, for cases that need one. */
  readonly run?: string | undefined;
  /** `auto`, `cpu`, `cuda` or `cuda:n`, as both sides understand it. */
  readonly device: string;
  /** Threads of each side; 0: all cores. */
  readonly threads: number;
  readonly out?: string | undefined;
  readonly compare?: string | undefined;
  readonly against?: string | undefined;
  readonly tolerance: number;
  readonly onCase?: (result: CaseResult) => void;
}

/**
 * Measures cases one after the other, each against its rival. The request is checked before the first case
 * starts.
 *
 * @throws `USAGE` for unknown cases or a missing run, `BASELINE_INVALID`, `PYTORCH_MISSING`, `BENCH_FAILED`, `INTERRUPTED`
 */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const device = resolveDevice(options.device);
  const cases = chooseCases(options.cases, options.run, device).map((benchCase) =>
    options.against === undefined ? benchCase : againstEarlier(benchCase, options.against),
  );
  const names = cases.map(({ name }) => name);
  const compare = await comparisonOf(options, names);
  const pytorch = cases.some(({ needsPytorch }) => needsPytorch !== false)
    ? await pytorchVersion()
    : undefined;
  const threads = options.threads === 0 ? availableParallelism() : options.threads;
  const folder = resolve(options.folder);
  await makeFolder(folder);
  const about = { kind: 'bench', machine: describeMachine(pytorch, device), device, threads } as const;
  const kept = options.out === undefined ? [] : await readKept(options.out, about);
  const results = [...kept];
  for (const benchCase of cases) {
    if (kept.some(({ name }) => name === benchCase.name)) continue;
    const place = { ...options, folder, device, threads, run: options.run };
    const measure = () => measureCase(benchCase, place, options.repeats);
    const result = await firstGood(measure, (one) => compare([one])?.cases[0]?.fellBehind !== true);
    results.push(result);
    options.onCase?.(result);
    if (options.out !== undefined)
      await writeJson(options.out, { ...about, cases: results, comparison: null });
  }
  const asked = results.filter(({ name }) => names.includes(name));
  return { ...about, cases: asked, comparison: compare(asked) };
}

/** Compares results with the named baseline, if any. */
async function comparisonOf(
  { compare, against, tolerance }: BenchOptions,
  names: readonly string[],
): Promise<(cases: readonly CaseResult[]) => Comparison | null> {
  if (against !== undefined) return (cases) => compareWithEarlier(cases, against, tolerance);
  if (compare === undefined) return () => null;
  const baseline = await readBaseline(compare, names);
  return (cases) => compareWithBaseline(cases, baseline, tolerance);
}

/** Returns the first good result, else the last: other work on the machine slows the two sides unequally, but not every time. */
async function firstGood(
  measure: () => Promise<CaseResult>,
  isGood: (result: CaseResult) => boolean,
): Promise<CaseResult> {
  let result = await measure();
  for (let again = 1; again < ROUNDS && !isGood(result); again += 1) result = await measure();
  return result;
}

function chooseCases(names: readonly string[], run: string | undefined, device: string): BenchCase[] {
  const wanted = names.includes(ALL_CASES)
    ? CASES.filter(
        ({ needsRun, needsGpu }) =>
          (needsRun !== true || run !== undefined) && (needsGpu !== true || device !== 'cpu'),
      )
    : names.map(caseNamed);
  const lacking = wanted.filter(({ needsRun }) => needsRun === true && run === undefined);
  if (lacking.length > 0) {
    throw new SpurmemError(
      'USAGE',
      `${lacking.map(({ name }) => name).join(', ')} measures on a trained run: name one with --run ` +
        '(scripts/quickstart.sh makes runs/quickstart).',
    );
  }
  return wanted;
}

function caseNamed(name: string): BenchCase {
  const found = CASES.find((benchCase) => benchCase.name === name);
  if (found !== undefined) return found;
  const nearest = nearestNames(
    name,
    CASES.map((benchCase) => benchCase.name),
  );
  throw new SpurmemError(
    'USAGE',
    `--case: there is no case ${JSON.stringify(name)}. The nearest are ${nearest.join(', ')}; ` +
      '`npm run bench` lists them all.',
  );
}
