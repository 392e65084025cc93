import { groupedBy, numbers, select } from '../kit/rows.js';
import { summarizeSeeds } from '../metrics/seeds.js';
import { fixed, intervalText, plural } from '../report/format.js';
import { type DotRow, dotRows } from '../report/vega/dotRows.js';
import type { NamedChart } from '../report/vega/render.js';
import type { CompleteArms } from './armTables.js';
import { meanText } from './cells.js';
import { testRows } from './modelTests.js';
import type { RecordSource } from './records.js';
import type { Study } from './schema.js';

/** The planned tests of models: a dot per model, and a chart per unit. */
export async function modelCharts(study: Study, records: RecordSource): Promise<NamedChart[]> {
  const { neurons } = study.tests;
  if (!neurons) return [];
  const [models, effects] = await Promise.all(['models', 'effects'].map((table) => records.read(table)));
  // Without a family, each question is corrected by itself.
  const tests = { family: { criteria: neurons.criteria, points: 0 }, ...neurons };
  const planned = testRows(tests, models ?? [], effects ?? []).filter(({ family }) => family === 'planned');
  return (['points', 'logits'] as const).flatMap((unit): NamedChart[] => {
    const decimals = unit === 'points' ? 1 : 3;
    const rows = groupedBy(select(planned, { unit }), ['question', 'criterion', 'chosenFor']).map((own) => {
      const [first] = own;
      const name = [first?.question, first?.criterion, `G${String(first?.chosenFor)}*`]
        .filter(Boolean)
        .join(', ');
      const values = numbers(own, 'value');
      return dotRow(name, values, {
        tip: meanText(values, decimals),
        tips: values.map((value) => `${name}: ${value.toFixed(decimals)}`),
      });
    });
    if (rows.length === 0) return [];
    const title = `${study.title}, ${records.name}: planned tests`;
    const subtitle = 'a dot a model; bar: mean and 95 % interval; dashed: no difference';
    return [
      {
        name: `${records.name}-${unit}`,
        label: `Dot chart of the planned tests in ${unit}: ${rows.map(({ tip }) => tip).join('; ')}`,
        spec: dotRows({ title, subtitle, axis: unit, rows, reference: 0 }),
      },
    ];
  });
}

/** A row of a dot chart: a dot per value, their mean and its 95 % interval. */
function dotRow(
  name: string,
  values: readonly number[],
  { tip, tips, scale = 1 }: { tip: string; tips: readonly string[]; scale?: number },
): DotRow {
  const { mean, interval } = summarizeSeeds(values);
  const dots = values.map((value, at) => ({ value: scale * value, tip: tips[at] ?? '' }));
  const scaled = interval && ([scale * interval[0], scale * interval[1]] as const);
  return { name, mean: scale * mean, interval: scaled, dots, tip: `${name}: ${tip}` };
}

/** Test worst-group accuracy of each compared arm: a dot per seed, the mean, and its 95 % interval (article, Fig. 6). */
export function armChart(study: Study, name: string, complete: CompleteArms): NamedChart[] {
  const order = Object.keys(study.arms);
  // A row is named by its arm, with the values of its grid.
  const place = (row: string): number =>
    order.findLastIndex((arm) => row === arm || row.startsWith(`${arm}, `));
  const arms = [...complete.keys()].sort((a, b) => place(a) - place(b));
  const rows = arms.map((arm) => {
    const runs = complete.get(arm) ?? [];
    const values = numbers(runs, 'worst');
    const { mean, interval } = summarizeSeeds(values);
    return dotRow(arm, values, {
      scale: 100,
      tip: `${fixed(100 * mean, 1)} %${intervalText(interval)}`,
      tips: runs.map(
        ({ seed }, at) => `${arm}, seed ${String(seed)}: ${fixed(100 * (values[at] ?? 0), 1)} %`,
      ),
    });
  });
  const [first] = rows;
  if (!first) return [];
  const seeds = first.dots.length;
  const reference = study.tests.arms?.reference;
  const dashed = reference === undefined ? '' : `; dashed: mean of ${reference}`;
  return [
    {
      name: `${name}-test`,
      label: `Dot chart of test worst-group accuracy: ${rows.map(({ tip }) => tip).join('; ')}`,
      spec: dotRows({
        title: `${name}, Part II`,
        subtitle: `${plural(seeds, 'seed')}: a dot each; bar: mean${seeds > 1 ? ' and 95 % interval over seeds' : ''}${dashed}`,
        axis: 'test worst-group accuracy (%)',
        rows,
        reference: rows.find((row) => row.name === reference)?.mean,
      }),
    },
  ];
}
