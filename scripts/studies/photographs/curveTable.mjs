// Test worst-group accuracy by agreement, of the arms that the curve of docs/studies/photographs.md has: node
// scripts/studies/photographs/curveTable.mjs. At 95 % it is the same seeds of birds.
import { AGREEMENTS, completeArms, meanText, printTable, testSeedsOf } from './results.mjs';

const benchmarks = AGREEMENTS.map((percent) => ({
  percent,
  benchmark: percent === 95 ? 'birds' : `birds-${percent}`,
}));
const seeds = testSeedsOf(`birds-${AGREEMENTS[0]}`);
const columns = benchmarks.map(({ percent, benchmark }) => ({
  percent,
  arms: completeArms(benchmark, seeds),
}));
const arms = [
  ...new Set(columns.filter(({ percent }) => percent !== 95).flatMap((column) => Object.keys(column.arms))),
];
for (const [caption, valuesOf] of [
  ['Test worst-group accuracy in percent', (rows) => rows.map(({ worst }) => worst)],
  [
    'The same minus that of ERM, in points, paired by seed',
    (rows, erm) => (erm === undefined ? [] : rows.map(({ worst }, at) => worst - erm[at].worst)),
  ],
]) {
  printTable(
    `${caption}: mean over seeds ${seeds.join(', ')}, 95 % interval`,
    ['arm', ...AGREEMENTS.map((percent) => `${percent} %`)],
    arms.map((arm) => [
      arm,
      ...columns.map((column) => {
        const rows = column.arms[arm];
        const values = rows === undefined ? [] : valuesOf(rows, column.arms.ERM);
        return values.length === 0 ? '' : meanText(values, 1, 100);
      }),
    ]),
  );
}
