import { SPLITS } from '../../data/split.js';
import type { TrainingResult } from '../../train/results.js';
import { groupBars } from '../charts/groupBars.js';
import type { Figure, FigureRow } from '../figure.js';
import { accuracySection, beforeAfterSection } from '../sections/accuracy.js';
import { accuracyTable } from '../tables/accuracy.js';
import { boundColumns } from './rows.js';

export const fig1: Figure = {
  name: 'fig1',
  title: 'Training and test accuracy of each group',
  needs: { results: ['result'] },
  rows: ({ result, dataset }) => (result ? accuracyRows(result, dataset.groupNames) : []),
  charts: ({ result }, groups) => (result ? [{ name: 'fig1', ...groupBars(result, groups) }] : []),
  tables: ({ result }, groups) => (result ? [accuracyTable(result, groups)] : []),
  sections: [accuracySection, beforeAfterSection],
};

/** Every group's accuracy on every split. */
function accuracyRows(result: TrainingResult, groupNames: readonly string[]): FigureRow[] {
  return SPLITS.flatMap((split) =>
    groupNames.map((name, group) => {
      const { correct, total, accuracy, interval } = result[split];
      return {
        split,
        group,
        name,
        correct: correct[group] ?? null,
        total: total[group] ?? null,
        accuracy: accuracy[group] ?? null,
        ...boundColumns('accuracy', interval[group]),
      };
    }),
  );
}
