// Draws the planned tests of Part I of a study, a dot a model, a chart a unit:
//   node scripts/studies/testsChart.mjs studies/celeba/study.yaml celeba
// writes NAME-points.svg and NAME-logits.svg beside the results, where a test has that unit; NAME is a benchmark or a pool.
import { join } from 'node:path';
import { groupedBy, numbers } from '#src/kit/rows.js';
import { dotRows } from '#src/report/vega/dotRows.js';
import { testRows } from '#src/reproduce/studyFile/modelTests.js';
import { modelRow, writeChart } from './charts.mjs';
import { readNamed } from './named.mjs';

const { name, study, records } = await readNamed();
// Where a study has no family, each question was corrected by itself.
const tests = { family: { criteria: study.models.tests.criteria, points: 0 }, ...study.models.tests };
const recorded = [await records.read('models'), await records.read('effects')];
const planned = testRows(tests, ...recorded).filter(({ family }) => family === 'planned');

for (const unit of ['points', 'logits']) {
  const sets = groupedBy(planned, ['unit', 'question', 'criterion', 'chosenFor']);
  const rows = sets
    .filter(([row]) => row.unit === unit)
    .map((own) => {
      const { question, criterion, chosenFor } = own[0];
      const name = [question, criterion, `G${chosenFor}*`].filter(Boolean).join(', ');
      return modelRow(name, numbers(own, 'value'), unit === 'points' ? 1 : 3);
    });
  if (rows.length === 0) continue;
  const title = `${study.title}, ${name}: planned tests`;
  const subtitle = 'a dot a model; bar: mean and 95 % interval; dashed: no difference';
  await writeChart(join(study.recordsFolder, `${name}-${unit}.svg`), {
    label: `Dot chart of the planned tests in ${unit}: ${rows.map(({ tip }) => tip).join('; ')}`,
    spec: dotRows({ title, subtitle, axis: unit, rows, reference: 0 }),
  });
}
