// Draws where each criterion puts the planted neurons, a dot a model: node scripts/studies/planted/aucChart.mjs studies/planted/study.yaml
// writes ARM-auc.svg beside the results.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distinct, select } from '#src/kit/rows.js';
import { summarize } from '#src/kit/summarize.js';
import { dots } from '#src/report/chart.js';
import { renderChart } from '#src/report/vega/render.js';
import { standalone } from '#src/study/report.js';
import { readRecorded } from './recorded.mjs';

const { folder, found, kinds, byModel } = await readRecorded(process.argv[2]);
for (const kind of kinds) {
  const models = distinct(found, 'criterion').flatMap((criterion) => {
    const own = select(found, { kind, criterion });
    return [
      [`${criterion}, all neurons`, byModel(own, 'auc')],
      [`${criterion}, the planted layer`, byModel(own, 'aucInLayer')],
    ].flatMap(([arm, values]) => values.map((auc, model) => ({ arm, model, auc })));
  });
  const [chart] = dots(summarize(models, { by: ['arm'], over: 'model', measures: ['auc'] }), {
    name: kind,
    title: `Planted ${kind} images: are the neurons found?`,
    notes: ['dashed: chance'],
    groups: [],
    down: ['arm'],
    x: 'auc',
    reference: 0.5,
  });
  writeFileSync(join(folder, `${kind}-auc.svg`), standalone((await renderChart(chart)).svg));
}
