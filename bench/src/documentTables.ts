import { withTables } from '#src/cli/protocolTables.js';
import { markdown } from '#src/cli/textTable.js';
import { bestShareOf } from './ratio.js';
import type { BenchResult, CaseResult } from './result.js';

const HEAD = [
  ...['case', 'what', 'against', 'times faster', 'pairs', 'target'],
  ...['peak memory', 'share of the floor', 'besides'],
];

/** A document with the tables of results by their names. */
export function withBenchmarkTables(
  document: string,
  results: Readonly<Record<string, BenchResult>>,
): string {
  const texts = Object.entries(results).map(([name, result]) => [name, resultTable(result)]);
  return withTables(document, 'benchmark', Object.fromEntries(texts) as Record<string, string>);
}

function resultTable({ machine, device, threads, cases }: BenchResult): string {
  const about = Object.entries({ ...machine, device, threads }).map(([name, value]) => `${name} ${value}`);
  return `Measured on: ${about.join(', ')}.\n\n${markdown(HEAD, cases.map(cellsOf))}`;
}

function cellsOf({ name, description, ours, rival, ratio, floor, ...rest }: CaseResult): string[] {
  const { memoryRatio, target, missed, agreement } = rest;
  const [least, most] = ratio.range;
  const count = ratio.pairs.length;
  const measures = [ours, rival].flatMap(({ label, measures: values, scaled }) => [
    ...Object.entries(values).map(
      ([measure, value]) => `${label}: ${measure} ${Number(value.toPrecision(3))}`,
    ),
    ...(scaled ? [`${label}: scaled from ${scaled.measured} of ${scaled.of} ${scaled.what}`] : []),
  ]);
  const differing = agreement ? [`${agreement.different.length} of ${agreement.compared} differ`] : [];
  return [
    `\`${name}\``,
    description.split(/[:,]? against |: variants together/)[0] ?? '',
    rival.label,
    ratio.median.toFixed(2),
    count > 1 ? `${least.toFixed(2)} to ${most.toFixed(2)}, ${count}` : '1',
    target === null ? '' : `${target}${ratio.median < target ? ' **missed**' : ''}`,
    memoryRatio === null ? '' : `${memoryRatio.toFixed(2)} times`,
    floor ? `${percent(floor.share)} (${percent(bestShareOf(ours, floor))})` : '',
    [
      ...measures,
      ...differing,
      ...missed.filter((what) => !what.endsWith('faster')).map((what) => `missed: ${what}`),
    ].join('; '),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
