// Draws the curve of studies/photographs/plan.md, a dot a seed: node scripts/studies/photographs/curveChart.mjs writes
// studies/photographs/results/curve.svg. test/studies/chart.slow.test.ts holds it against the tables.
import { join } from 'node:path';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { INK, MAJORITY, MINORITY } from '#src/report/vega/theme.js';
import { readAcross } from '#src/reproduce/studyFile/part2Tables.js';
import { writeChart } from '../charts.mjs';
import { study } from './study.mjs';

/** In the order of the legend. */
const COLORS = {
  ERM: INK,
  'ERM, 3e-4': MAJORITY[0],
  'contrast, gradient mask': MINORITY[0],
  RWG: MAJORITY[1],
  DFR: MINORITY[1],
};

const { seeds, columns, arms } = await readAcross(study);
/** In percent, by column. */
const agreements = columns.map(({ name }) => name.replace(' %', ''));
const names = Object.keys(COLORS).filter((arm) => arms.includes(arm));
const colorless = arms.filter((arm) => !(arm in COLORS));
if (colorless.length > 0)
  throw new Error(`COLORS in ${process.argv[1]} has none for ${colorless.join(', ')}.`);
const series = columns.flatMap(({ complete }, at) =>
  names
    .filter((arm) => complete.has(arm))
    .map((arm) => ({ arm, agreement: agreements[at], rows: complete.get(arm) })),
);
const points = series.map(({ rows, ...place }) =>
  point(place, '', summarizeSeeds(rows.map(({ worst }) => worst)).mean),
);
const dots = series.flatMap(({ rows, ...place }) =>
  rows.map(({ seed, worst }) => point(place, `, seed ${seed}`, worst)),
);
const encoding = {
  x: {
    field: 'agreement',
    type: 'ordinal',
    sort: agreements,
    axis: { title: 'training images whose scene agrees with their class (%)', labelAngle: 0, grid: false },
  },
  y: {
    field: 'accuracy',
    type: 'quantitative',
    scale: { zero: false, nice: true },
    axis: { title: 'test worst-group accuracy (%)', tickCount: 6 },
  },
  color: {
    field: 'arm',
    type: 'nominal',
    scale: { domain: names, range: names.map((arm) => COLORS[arm]) },
    legend: {
      title: null,
      orient: 'top',
      columns: 3,
      symbolType: 'stroke',
      symbolStrokeWidth: 4,
      symbolOpacity: 1,
    },
  },
};
await writeChart(join(study.recordsFolder, 'curve.svg'), {
  label: `Line chart of test worst-group accuracy by agreement: ${points.map(({ tip }) => tip).join('; ')}`,
  spec: {
    title: {
      text: 'birds, by strength of the spurious correlation',
      subtitle: [`line: mean over ${seeds.length} seeds; a dot each`],
    },
    width: 420,
    height: 300,
    layer: [
      { data: { values: points }, mark: { type: 'line', strokeWidth: 2.5 }, encoding },
      {
        data: { values: dots },
        mark: { type: 'circle', size: 30, opacity: 0.6 },
        encoding: { ...encoding, description: { field: 'tip' } },
      },
    ],
  },
});

function point(place, which, worst) {
  const tip = `${place.arm}, agreement ${place.agreement} %${which}: ${(100 * worst).toFixed(1)} %`;
  return { ...place, accuracy: 100 * worst, tip };
}
