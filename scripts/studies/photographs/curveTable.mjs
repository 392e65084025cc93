// Test worst-group accuracy by agreement, of the arms that the curve of docs/studies/photographs.md has: node
// scripts/studies/photographs/curveTable.mjs. At 95 % it is the same seeds of birds.
import { AGREEMENTS, meanText, printTable, readCurve } from './results.mjs';

const { seeds, columns, arms } = readCurve();
table('Test worst-group accuracy in percent', arms, (rows) => rows.map(({ worst }) => worst));
table(
  'The same minus that of ERM, in points, paired by seed',
  arms.filter((arm) => arm !== 'ERM'),
  (rows, erm) => erm && rows.map(({ worst }, at) => worst - erm[at].worst),
);

function table(caption, rowsOf, valuesOf) {
  printTable(
    `${caption}: mean over seeds ${seeds.join(', ')}, 95 % interval`,
    ['arm', ...AGREEMENTS.map((percent) => `${percent} %`)],
    rowsOf.map((arm) => [
      arm,
      ...columns.map((column) => {
        const rows = column.arms[arm];
        const values = rows && valuesOf(rows, column.arms.ERM);
        return values === undefined ? '' : meanText(values, 1, 100);
      }),
    ]),
  );
}
