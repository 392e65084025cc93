import { isDeepStrictEqual } from 'node:util';
import { mean, median } from '#src/metrics/statistics.js';
import type { JobOptions } from '#src/progress.js';
import type { BenchCase, BenchPlace, SideReady, SideRun, Sides, SideSpec } from './case.js';
import { pairedRatio } from './ratio.js';
import type { CaseResult, SideResult } from './result.js';
import { Side } from './side.js';

/**
 * Measures one case: starts a process for each side, warms each up, and then has them work in turn, A B A B.
 *
 * @throws `BENCH_FAILED` when a side fails, `INTERRUPTED`
 */
export async function measureCase(
  benchCase: BenchCase,
  place: BenchPlace,
  repeats = benchCase.repeats,
): Promise<CaseResult> {
  const sides = await benchCase.prepare(place);
  const { ours, rival, floor } = await measureInTurn(sides, benchCase, place, repeats);
  const ratio = pairedRatio(perUnit(ours), perUnit(rival));
  const agreement = agreementOf(sides.agreement, ours.runs, rival.runs);
  const ourResult = summarize(ours);
  const rivalResult = summarize(rival);
  const { name, description, unit, target = null, limits = {} } = benchCase;
  return {
    name,
    description,
    unit,
    units: ours.ready.units,
    ours: ourResult,
    rival: rivalResult,
    ratio,
    memoryRatio:
      ourResult.peakBytes === null || rivalResult.peakBytes === null
        ? null
        : ourResult.peakBytes / rivalResult.peakBytes,
    floor: floor ? { ...summarize(floor), share: median(perUnit(floor)) / median(perUnit(ours)) } : null,
    agreement,
    target,
    limits: { ...limits },
    missed: missedOf(ratio.median, target, ourResult.measures, limits),
  };
}

/** A repeat runs its job until it took this processor time, at most MAX_RUNS times. */
const LEAST_CPU_SECONDS = 1;
const MAX_RUNS = 10;

/** A repeat, and its processor time, which hardly depends on other work on the machine. */
type MeasuredRun = SideRun & { readonly cpuSeconds: number | null };

/** A side, and its repeats. */
interface Measured {
  readonly spec: SideSpec;
  readonly ready: SideReady;
  readonly runs: readonly MeasuredRun[];
  readonly peakBytes: number | null;
}

async function measureInTurn(
  sides: Sides,
  { name, warmups, leastCpuSeconds = LEAST_CPU_SECONDS }: BenchCase,
  place: BenchPlace,
  repeats: number,
): Promise<{ ours: Measured; rival: Measured; floor: Measured | undefined }> {
  const specs = [sides.ours, sides.rival, ...(sides.floor ? [sides.floor] : [])];
  using started = new Started();
  // One after the other, so that no side prepares while another is measured.
  for (const spec of specs) {
    // Only our side has a planted slowdown.
    const environment = spec === sides.ours ? {} : { SPURMEM_BENCH_SLOWDOWN: '0' };
    started.sides.push({ spec, ...(await Side.start(spec, place, environment)), runs: [] });
  }
  report(place, name, 0, repeats);
  for (let turn = -warmups; turn < repeats; turn += 1) {
    for (const { side, runs } of started.sides) {
      const run = await runOf(side, leastCpuSeconds);
      if (turn >= 0) runs.push(run);
    }
    if (turn >= 0) report(place, name, turn + 1, repeats);
  }
  const measured = await Promise.all(
    started.sides.map(async ({ spec, ready, runs, side }): Promise<Measured> => {
      const peakBytes = ready.knowsProcess === false ? null : await side.peakBytes();
      return { spec, ready, runs, peakBytes };
    }),
  );
  const [ours, rival, floor] = measured;
  if (!ours || !rival) throw new RangeError(`${name} lacks a side`);
  return { ours, rival, floor };
}

/** A repeat: the mean of a short job's runs, since the system counts processor time in hundredths of a second. */
async function runOf(side: Side, leastCpuSeconds: number): Promise<MeasuredRun> {
  const before = await side.cpuSeconds();
  const runs: SideRun[] = [];
  let used: number | null;
  do {
    runs.push(await side.run());
    const after = await side.cpuSeconds();
    used = before === null || after === null ? null : after - before;
  } while (used !== null && used < leastCpuSeconds && runs.length < MAX_RUNS);
  const last = runs.at(-1) as SideRun;
  const seconds = mean(runs.map((run) => run.seconds));
  return { ...last, seconds, cpuSeconds: used === null ? null : used / runs.length };
}

function report({ onProgress }: JobOptions, task: string, done: number, total: number): void {
  onProgress?.({ task, done, total, unit: 'repeats' });
}

/** The processes of a case, which end together. */
class Started implements Disposable {
  readonly sides: { spec: SideSpec; side: Side; ready: SideReady; runs: MeasuredRun[] }[] = [];

  [Symbol.dispose](): void {
    for (const { side } of this.sides) side[Symbol.dispose]();
  }
}

function perUnit({ ready, runs }: Measured): number[] {
  return runs.map(({ seconds }) => seconds / ready.units);
}

function summarize({ spec, ready, runs, peakBytes }: Measured): SideResult {
  const seconds = runs.map((run) => run.seconds);
  const names = Object.keys(runs[0]?.measures ?? {});
  const used = cpuSecondsOf(runs);
  return {
    label: spec.label,
    seconds,
    median: median(seconds),
    perSecond: ready.units / median(seconds),
    peakBytes,
    cpuSeconds: used === null ? null : median(used),
    leastCpuSeconds: used === null ? null : Math.min(...used),
    measures: Object.fromEntries(
      names.map((name) => [name, median(runs.map(({ measures }) => measures?.[name] ?? Number.NaN))]),
    ),
    scaled: runs[0]?.scaled ?? null,
  };
}

/** What the repeats took; scaled repeats took less than they stand for. */
function cpuSecondsOf(runs: readonly MeasuredRun[]): number[] | null {
  const used = runs.map(({ cpuSeconds, scaled }) =>
    cpuSeconds === null ? Number.NaN : cpuSeconds * (scaled ? scaled.of / scaled.measured : 1),
  );
  return used.some(Number.isNaN) ? null : used;
}

/** Compares every outcome that the rival reports with ours of the same name, in every pair of repeats. */
export function agreementOf(
  what: string | undefined,
  ours: readonly SideRun[],
  rival: readonly SideRun[],
): CaseResult['agreement'] {
  if (what === undefined) return null;
  const different = new Set<string>();
  let compared = 0;
  for (const [i, run] of rival.entries()) {
    for (const [name, value] of Object.entries(run.outcome ?? {})) {
      compared += 1;
      if (!isDeepStrictEqual(ours[i]?.outcome?.[name], value)) different.add(name);
    }
  }
  return { what, compared, different: [...different] };
}

function missedOf(
  ratio: number,
  target: number | null,
  measures: Readonly<Record<string, number>>,
  limits: Readonly<Record<string, number>>,
): string[] {
  const speed = target !== null && ratio < target ? [`${target} times faster`] : [];
  const over = Object.entries(limits).filter(([name, most]) => (measures[name] ?? 0) > most);
  return [...speed, ...over.map(([name, most]) => `${name} at most ${most}`)];
}
