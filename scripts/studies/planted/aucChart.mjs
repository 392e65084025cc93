// Draws where each criterion puts the planted neurons, a dot a model: node scripts/studies/planted/aucChart.mjs studies/planted/study.yaml
// writes ARM-auc.svg beside the results.
import { join } from 'node:path';
import { distinct, select } from '#src/kit/rows.js';
import { dotRows } from '#src/report/vega/dotRows.js';
import { modelRow, writeChart } from './charts.mjs';
import { readRecorded } from './recorded.mjs';

const { folder, found, kinds, byModel } = await readRecorded(process.argv[2]);
for (const kind of kinds) {
  const rows = distinct(found, 'criterion').flatMap((criterion) => {
    const own = select(found, { kind, criterion });
    return [
      modelRow(`${criterion}, all neurons`, byModel(own, 'auc'), 3),
      modelRow(`${criterion}, the planted layer`, byModel(own, 'aucInLayer'), 3),
    ];
  });
  const title = `Planted ${kind} images: are the neurons found?`;
  const subtitle = 'a dot a model; bar: mean and 95 % interval; dashed: chance';
  const axis = 'AUC of the planted neurons';
  await writeChart(join(folder, `${kind}-auc.svg`), {
    label: `Dot chart of ${axis}, ${kind} images: ${rows.map(({ tip }) => tip).join('; ')}`,
    spec: dotRows({ title, subtitle, axis, rows, reference: 0.5 }),
  });
}
