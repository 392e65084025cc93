// The tables of Part II of docs/studies/photographs.md, from docs/studies/photographs/: node scripts/studies/photographs/part2Tables.mjs birds
import { equivalence } from '#src/metrics/equivalence.js';
import { holm } from '#src/metrics/holm.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { completeArms, meanText, printTable, readArguments, readResults, testSeedsOf } from './results.mjs';

/** In points, set before the first run. */
const MARGIN = 3;
const FOCUS = 'contrast, gradient mask';
const PRIMARY = ['ERM', 'continued, squared error', 'contrast, no mask', 'contrast, random mask'];
/** Benchmarks with fewer seeds are described: five models have no p below 0.0625. */
const TESTED = 'birds';

const { benchmark } = readArguments();
const seeds = testSeedsOf(benchmark);
const arms = completeArms(benchmark, seeds);
accuracyTable();
if (FOCUS in arms) differenceTable();
if ('ERM' in arms) gainTable();
heatTable();

function accuracyTable() {
  const all = Object.values(arms).flat();
  const hours = (key) => (all.reduce((sum, row) => sum + row[key], 0) / 3600).toFixed(2);
  console.log(
    `${benchmark}: seeds ${seeds.join(', ')}; ${hours('seconds')} hours, ${hours('processorSeconds')} of processor time`,
  );
  const columns = ['worst', 'group0', 'group1', 'group2', 'group3', 'validation'];
  printTable(
    'Accuracy in percent: mean over seeds, 95 % interval',
    ['arm', 'configuration', 'test worst group', 'G0', 'G1*', 'G2*', 'G3', 'validation worst group'],
    Object.entries(arms).map(([arm, rows]) => [
      ...[arm, rows[0].configuration],
      ...columns.map((column) =>
        meanText(
          rows.map((row) => row[column]),
          1,
          100,
        ),
      ),
    ]),
  );
}

function differenceTable() {
  const differences = Object.entries(arms)
    .filter(([arm]) => arm !== FOCUS)
    .map(([arm, rows]) => {
      const values = rows.map(({ worst }, at) => 100 * (arms[FOCUS][at].worst - worst));
      const isTested = benchmark === TESTED && PRIMARY.includes(arm);
      return {
        ...{ arm, values, within: equivalence(values, MARGIN) },
        pValue: isTested ? signFlip(values)?.pValue : undefined,
      };
    });
  const adjusted = holm(differences.map(({ pValue }) => pValue));
  const tests = differences.filter(({ pValue }) => pValue !== undefined).length;
  printTable(
    `Test worst-group accuracy of "${FOCUS}" minus that of each other arm, in points, paired by seed`,
    [
      'arm',
      'n',
      'mean [95 %]',
      ...(tests > 0 ? ['p', `p, Holm over ${tests}`] : []),
      `90 % within ${MARGIN}`,
    ],
    differences.map(({ arm, values, pValue, within }, at) => [
      ...[arm, values.length, meanText(values, 1)],
      ...(tests > 0 ? [pValue, adjusted[at]].map((p) => p?.toFixed(4) ?? '') : []),
      within === null
        ? ''
        : `${within.equivalent ? 'yes' : 'no'} [${within.interval.map((end) => end.toFixed(1)).join(', ')}]`,
    ]),
  );
}

/** Described, not tested. */
function gainTable() {
  printTable(
    'Accuracy of each arm minus that of ERM, in points, paired by seed: mean, 95 % interval',
    ['arm', 'n', 'test worst group', 'G0', 'G1*', 'G2*', 'G3'],
    Object.entries(arms)
      .filter(([arm]) => arm !== 'ERM')
      .map(([arm, rows]) => [
        ...[arm, rows.length],
        ...['worst', 'group0', 'group1', 'group2', 'group3'].map((column) =>
          meanText(
            rows.map((row, at) => row[column] - arms.ERM[at][column]),
            1,
            100,
          ),
        ),
      ]),
  );
}

/** Images whose map is blank have no share: `difference` is over those that have one before and after. */
function heatTable() {
  const heat = readResults(benchmark, 'heat').filter(({ arm, seed }) => arm in arms && seeds.includes(seed));
  if (heat.length === 0) return;
  printTable(
    'Share of Grad-CAM’s heat for the class of number 1 on the core of test images in percent: mean over seeds of the mean over a group’s images',
    ['arm', 'group', 'n', 'core’s share of the image', 'ERM', 'arm', 'difference, points'],
    [...new Set(heat.map(({ arm }) => arm))].flatMap((arm) =>
      [0, 1, 2, 3].map((group) => {
        const found = heat.filter((row) => row.arm === arm && row.group === group);
        const text = (column) => {
          const values = found.map((row) => row[column]).filter((value) => value !== null);
          return values.length === 0 ? '' : meanText(values, 1, 100);
        };
        return [
          arm,
          `G${group}`,
          found.length,
          ...['core', 'before', 'after', 'difference'].map((column) => text(column)),
        ];
      }),
    ),
  );
}
