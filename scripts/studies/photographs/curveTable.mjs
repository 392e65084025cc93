// Test worst-group accuracy by agreement, of the arms that the curve of docs/studies/photographs.md has: node
// scripts/studies/photographs/curveTable.mjs. At 95 % it is the same seeds of birds.
import { AGREEMENTS, meanText, printTable, readCurve } from './results.mjs';

const MASK = 'contrast, gradient mask';

const { seeds, columns, arms } = readCurve();
table('Test worst-group accuracy in percent', arms, (rows) => rows.map(({ worst }) => worst));
table('The same minus that of ERM, in points', othersThan('ERM'), (rows, { ERM }) => minus(rows, ERM));
table(`That of "${MASK}" minus that of each other arm, in points`, othersThan(MASK), (rows, complete) =>
  minus(complete[MASK], rows),
);

function othersThan(arm) {
  return arms.filter((each) => each !== arm);
}

/** Paired by seed; undefined where one has not run. */
function minus(rows, others) {
  return rows && others && rows.map(({ worst }, at) => worst - others[at].worst);
}

function table(caption, ofArms, valuesOf) {
  printTable(
    `${caption}: mean over seeds ${seeds.join(', ')}, 95 % interval`,
    ['arm', ...AGREEMENTS.map((percent) => `${percent} %`)],
    ofArms.map((arm) => [
      arm,
      ...columns.map((column) => {
        const rows = column.arms[arm];
        const values = rows && valuesOf(rows, column.arms);
        return values === undefined ? '' : meanText(values, 1, 100);
      }),
    ]),
  );
}
