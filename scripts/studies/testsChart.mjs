// Draws the planned tests of Part I of a study, a dot a model, a chart a unit:
//   node scripts/studies/testsChart.mjs studies/celeba/study.yaml celeba
// writes NAME-points.svg and NAME-logits.svg beside the results, where a test has that unit; NAME is a benchmark or a pool.
import { join } from 'node:path';
import { dotRows } from '#src/report/vega/dotRows.js';
import { testedModels } from '#src/reproduce/studyFile/cells.js';
import { plannedTests } from '#src/reproduce/studyFile/familyTable.js';
import { modelRow, writeChart } from './charts.mjs';
import { readNamed } from './named.mjs';

const { name, study, records } = await readNamed();
// Where a study has no family, each question was corrected by itself.
const tests = { family: { criteria: study.models.tests.criteria, points: 0 }, ...study.models.tests };
const recorded = [await records.read('models'), await records.read('effects')];
const planned = plannedTests(testedModels(tests), ...recorded);

for (const unit of ['points', 'logits']) {
  const rows = planned
    .filter((test) => test.unit === unit && test.isTested)
    .map(({ question, name: criterion, chosenFor, values, decimals }) =>
      modelRow([question, criterion, `G${chosenFor}*`].filter(Boolean).join(', '), values, decimals),
    );
  if (rows.length === 0) continue;
  const title = `${study.title}, ${name}: planned tests`;
  const subtitle = 'a dot a model; bar: mean and 95 % interval; dashed: no difference';
  await writeChart(join(study.recordsFolder, `${name}-${unit}.svg`), {
    label: `Dot chart of the planned tests in ${unit}: ${rows.map(({ tip }) => tip).join('; ')}`,
    spec: dotRows({ title, subtitle, axis: unit, rows, reference: 0 }),
  });
}
