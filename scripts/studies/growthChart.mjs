// Draws what a study's models do from epoch to epoch: the gap between training and test (Fig. 1), and a minority group's change beyond random
// neurons, training minus test; a line a model, a panel a criterion and group:
//   node scripts/studies/growthChart.mjs studies/celeba/study.yaml celeba
// writes NAME-growth.svg beside the results; NAME is a benchmark or a pool.
import { join } from 'node:path';
import { distinct, groupedBy } from '#src/kit/rows.js';
import { quantitative, TOP_LEGEND } from '#src/report/vega/axes.js';
import { MAJORITY_RAMP, MUTED, steps } from '#src/report/vega/theme.js';
import { growthPoints } from '#src/reproduce/studyFile/modelTests.js';
import { writeChart } from './charts.mjs';
import { readNamed } from './named.mjs';

const { path, name, study, records } = await readNamed();
const { tests } = study.models;
const found = growthPoints(tests, await records.read('models'), await records.read('effects'));
if (found.length === 0) throw new Error(`${path} names no stages of growth, or ${name} has none recorded.`);

const stages = tests.growth;
const color = {
  field: 'stage',
  type: 'nominal',
  scale: { domain: stages, range: steps(MAJORITY_RAMP, stages.length) },
  legend: TOP_LEGEND,
};
const panels = groupedBy(found, ['criterion', 'chosenFor']).map((rows) => {
  const seeds = distinct(rows, 'seed');
  const points = rows.map(({ stage, seed, gap, logits }) => {
    const [at, model] = [stages.indexOf(stage), seeds.indexOf(seed)];
    const tip = `${stage}, model ${model + 1}: ${gap.toFixed(1)} points, ${logits.toFixed(3)} logits`;
    return { stage, at, model, gap, change: logits, tip };
  });
  return { title: `${rows[0].criterion}, G${rows[0].chosenFor}*`, points };
});
const x = { ...quantitative('gap'), axis: { title: 'gap of Fig. 1 (points)', tickCount: 4 } };
const y = {
  ...quantitative('change'),
  axis: { title: 'logits, training minus test', tickCount: 5 },
};
await writeChart(join(study.recordsFolder, `${name}-growth.svg`), {
  label: `Line chart of logits beyond random neurons, training minus test, by the gap of Fig. 1: ${panels
    .map(({ title, points }) => `${title}: ${points.map(({ tip }) => tip).join('; ')}`)
    .join('. ')}`,
  spec: {
    title: {
      text: `${study.title}: from epoch to epoch`,
      subtitle: ['a line a model; below 0: training examples lose more than test examples'],
    },
    columns: 3,
    concat: panels.map(({ title, points }) => ({
      title: { text: title, fontSize: 13 },
      width: 200,
      height: 200,
      data: { values: points },
      layer: [
        {
          mark: { type: 'line', color: MUTED, strokeWidth: 1, opacity: 0.6 },
          encoding: { x, y, detail: { field: 'model' }, order: { field: 'at' } },
        },
        {
          mark: { type: 'circle', size: 40, opacity: 0.9 },
          encoding: { x, y, color, description: { field: 'tip' } },
        },
      ],
    })),
  },
});
