// The tables of Part II of docs/studies/photographs.md, from docs/studies/photographs/: node scripts/studies/photographs/part2Tables.mjs birds
import { equivalence } from '#src/metrics/equivalence.js';
import { holm } from '#src/metrics/holm.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { meanText, printTable, readArguments, readResults } from './results.mjs';

/** In points, set before the first run. */
const MARGIN = 3;
const FOCUS = 'contrast, gradient mask';
const PRIMARY = ['ERM', 'continued, squared error', 'contrast, no mask', 'contrast, random mask'];

const { benchmark } = readArguments();
const rows = readResults(benchmark, 'test');
const all = [...new Set(rows.map(({ arm }) => arm))];
const seeds = [...new Set(rows.filter(({ arm }) => arm === FOCUS).map(({ seed }) => seed))].sort(
  (x, y) => x - y,
);
const lacks = (arm) => !seeds.every((seed) => rows.some((row) => row.arm === arm && row.seed === seed));
const arms = all.filter((arm) => !lacks(arm));
const rowOf = (arm, seed) => rows.find((row) => row.arm === arm && row.seed === seed);
const hours = (key) => (rows.reduce((sum, row) => sum + row[key], 0) / 3600).toFixed(2);
console.log(
  `${benchmark}: seeds ${seeds.join(', ')}; ${hours('seconds')} hours, ${hours('processorSeconds')} of processor time`,
);
const left = all.filter(lacks);
if (left.length > 0) console.log(`Left out, for want of some of these seeds: ${left.join(', ')}`);

const columns = ['worst', 'group0', 'group1', 'group2', 'group3', 'validation'];
printTable(
  'Accuracy in percent: mean over seeds, 95 % interval',
  ['arm', 'configuration', 'test worst group', 'G0', 'G1*', 'G2*', 'G3', 'validation worst group'],
  arms.map((arm) => [
    arm,
    rowOf(arm, seeds[0])?.configuration ?? '',
    ...columns.map((column) =>
      meanText(
        seeds.map((seed) => rowOf(arm, seed)[column]),
        1,
        100,
      ),
    ),
  ]),
);

const differences = arms
  .filter((arm) => arm !== FOCUS)
  .map((arm) => {
    const values = seeds.map((seed) => 100 * (rowOf(FOCUS, seed).worst - rowOf(arm, seed).worst));
    return { arm, values, pValue: signFlip(values)?.pValue, within: equivalence(values, MARGIN) };
  });
const adjusted = holm(differences.map(({ arm, pValue }) => (PRIMARY.includes(arm) ? pValue : undefined)));
printTable(
  `Test worst-group accuracy of "${FOCUS}" minus that of each other arm, in points, paired by seed`,
  ['arm', 'mean [95 %]', 'p', `p, Holm over ${PRIMARY.length}`, `90 % within ${MARGIN}`],
  differences.map(({ arm, values, pValue, within }, at) => [
    ...[arm, meanText(values, 1), pValue?.toFixed(4) ?? ''],
    PRIMARY.includes(arm) ? (adjusted[at]?.toFixed(4) ?? '') : '',
    within === null
      ? ''
      : `${within.equivalent ? 'yes' : 'no'} [${within.interval.map((end) => end.toFixed(1)).join(', ')}]`,
  ]),
);

const heat = readResults(benchmark, 'heat');
printTable(
  'Share of Grad-CAM’s heat on the core of test images in percent: mean over seeds of the mean over a group’s images',
  ['arm', 'group', 'core’s share of the image', 'ERM', 'arm', 'difference, points'],
  [...new Set(heat.map(({ arm }) => arm))].flatMap((arm) =>
    [0, 1, 2, 3].map((group) => {
      const found = heat.filter((row) => row.arm === arm && row.group === group);
      return [
        arm,
        `G${group}`,
        ...['core', 'before', 'after', 'difference'].map((column) =>
          meanText(
            found.map((row) => row[column]),
            1,
            100,
          ),
        ),
      ];
    }),
  ),
);
