import Table from 'cli-table3';
import type { BenchCase } from './case.js';
import { bestShareOf } from './ratio.js';
import type { BenchResult, CaseResult, SideResult } from './result.js';

/** All cases. */
export function caseList(cases: readonly Pick<BenchCase, 'name' | 'description' | 'needsRun'>[]): string {
  const table = new Table({ head: ['case', 'what'], style: { head: [], border: [], compact: true } });
  for (const { name, description, needsRun } of cases) {
    table.push([name, `${description}${needsRun === true ? ' (needs --run)' : ''}`]);
  }
  return `${table.toString()}\nMeasure with: npm run bench -- --case NAME...`;
}

/** One line per case, printed when it is measured. */
export function caseLine({ name, ratio, rival }: CaseResult): string {
  return `${name}: ${times(ratio.median)} as fast as ${rival.label}`;
}

/** Everything that was measured. */
export function benchTable(result: BenchResult): string {
  const table = new Table({
    head: ['case', 'side', 'median', 'CPU time', 'rate', 'memory', 'times faster', 'pairs'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, unit, ours, rival, floor, ratio } of result.cases) {
    const [least, most] = ratio.range;
    const spread = ratio.pairs.length > 1 ? `${least.toFixed(2)} to ${most.toFixed(2)}` : '1 pair';
    table.push([name, ...sideCells(ours, unit), times(ratio.median), spread]);
    table.push(['', ...sideCells(rival, unit), '', '']);
    if (floor) table.push(['', ...sideCells(floor, unit), '', '']);
  }
  return [table.toString(), ...result.cases.flatMap(notes), ...comparisonLines(result)].join('\n');
}

function sideCells({ label, median, cpuSeconds, perSecond, peakBytes }: SideResult, unit: string): string[] {
  return [
    label,
    seconds(median),
    cpuSeconds === null ? '' : seconds(cpuSeconds),
    `${significant(perSecond)} ${unit}/s`,
    peakBytes === null ? '' : `${(peakBytes / 1e6).toFixed(0)} MB`,
  ];
}

/** Results for which the table has no column. */
function notes({ name, ours, rival, floor, memoryRatio, agreement, target, missed }: CaseResult): string[] {
  const lines: string[] = [];
  for (const { label, measures, scaled } of [ours, rival, ...(floor ? [floor] : [])]) {
    for (const [measure, value] of Object.entries(measures)) {
      lines.push(`${label}: ${measure} ${significant(value)}`);
    }
    if (scaled) {
      lines.push(
        `${label}: ${scaled.measured} of ${scaled.of} ${scaled.what} were measured, and the time is scaled up to all`,
      );
    }
  }
  if (floor) {
    lines.push(
      `${percent(floor.share)} of the rate of ${floor.label}, the best repeat of each ${percent(bestShareOf(ours, floor))}`,
    );
  }
  if (memoryRatio !== null) lines.push(`peak memory ${memoryRatio.toFixed(2)} times ${rival.label}'s`);
  if (agreement) {
    const { what, compared, different } = agreement;
    lines.push(
      different.length === 0
        ? `${what}: all ${compared} equal`
        : `${what}: ${different.length} of ${compared} DIFFER: ${different.join(', ')}`,
    );
  }
  if (missed.length > 0) lines.push(`MISSED: ${missed.join(', ')}`);
  else if (target !== null) lines.push(`reached: at least ${target} times`);
  return lines.map((line) => `${name}: ${line}`);
}

function comparisonLines({ comparison }: BenchResult): string[] {
  if (!comparison) return [];
  const behind = comparison.cases.filter(({ fellBehind }) => fellBehind);
  const allowed = `more than ${percent(comparison.tolerance)} behind ${comparison.baseline}`;
  if (behind.length === 0) return [`No case fell ${allowed}.`];
  return [
    `${behind.length} of ${comparison.cases.length} cases fell ${allowed}:`,
    ...behind.map(
      ({ name, ratio, baselineRatio }) => `  ${name}: ${times(ratio)}, was ${times(baselineRatio)}`,
    ),
  ];
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function significant(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

function seconds(value: number): string {
  return value < 1 ? `${(1000 * value).toFixed(1)} ms` : `${value.toFixed(2)} s`;
}
