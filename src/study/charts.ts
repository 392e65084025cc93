import { type Row, select } from '../kit/rows.js';
import { summarize } from '../kit/summarize.js';
import { dots } from '../report/chart.js';
import type { NamedChart } from '../report/vega/render.js';
import type { CompleteArms } from './armTables.js';
import { testRows } from './modelTests.js';
import type { RecordSource } from './part.js';
import type { Study } from './schema.js';

/** Draws the planned tests of models: one dot per model, one chart per unit. */
export async function modelCharts(study: Study, records: RecordSource): Promise<NamedChart[]> {
  const { neurons } = study.tests;
  if (!neurons) return [];
  const [models, effects] = await Promise.all(['models', 'effects'].map((table) => records.read(table)));
  // Without a family, each question is corrected on its own.
  const tests = { family: { criteria: neurons.criteria, points: 0 }, ...neurons };
  const planned = testRows(tests, models ?? [], effects ?? []).filter(({ family }) => family === 'planned');
  const by = ['question', 'criterion', 'chosenFor'] as const;
  return (['points', 'logits'] as const).flatMap((unit) => {
    const rows = select(planned, { unit }).map((row, at): Row => ({ at, ...row, [unit]: row.value }));
    return dots(summarize(rows, { by, over: 'at', measures: [unit] }), {
      name: `${records.name}-${unit}`,
      title: `${study.title}, ${records.name}: planned tests`,
      groups: [],
      down: by,
      x: unit,
    });
  });
}

/** Draws the test worst-group accuracy of each compared arm: one dot per seed, the mean, and its 95 % interval (article, Fig. 6). */
export function armChart(study: Study, name: string, complete: CompleteArms): NamedChart[] {
  const order = Object.keys(study.arms);
  // A row's name is its arm, with the values of its grid.
  const place = (row: string): number =>
    order.findLastIndex((arm) => row === arm || row.startsWith(`${arm}, `));
  const arms = [...complete.keys()].sort((a, b) => place(a) - place(b));
  const runs = arms.flatMap((arm) => (complete.get(arm) ?? []).map((run) => ({ ...run, arm })));
  const rows = summarize(runs, { by: ['arm'], over: 'seed', measures: ['worst'] });
  const { reference } = study.tests.arms ?? {};
  const [dashed] = select(rows, { arm: reference ?? null });
  return dots(rows, {
    name: `${name}-test`,
    title: `${name}, Part II`,
    groups: [],
    notes: dashed ? [`dashed: mean of ${String(reference)}`] : [],
    down: ['arm'],
    x: 'worst',
    reference: dashed ? 100 * Number(dashed.worst) : undefined,
  });
}
