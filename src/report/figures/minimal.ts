import { minimalDots } from '../charts/minimalDots.js';
import type { Figure } from '../figure.js';
import { minimalSection } from '../sections/minimal.js';
import { minimalTable } from '../tables/minimal.js';
import { neuronColumn } from './rows.js';

/** How few neurons hold a training example (Maini et al. 2023), of minority and majority groups. */
export const minimal: Figure = {
  name: 'minimal',
  title: 'Neurons without which an example is forgotten',
  beyondArticle: true,
  needs: { results: ['minimal'] },
  rows: ({ minimal: trace, dataset }) =>
    (trace?.examples ?? []).map(({ group, filename, count, flipped, neurons, loss, reference }) => ({
      ...{ group, name: dataset.groupNames[group] ?? '', filename, count, flipped: flipped ? 'yes' : 'no' },
      ...{ lossBefore: loss.before, lossAfter: loss.after },
      ...{ referenceAccuracyBefore: reference.before.accuracy, referenceLossBefore: reference.before.loss },
      ...{ referenceAccuracyAfter: reference.after.accuracy, referenceLossAfter: reference.after.loss },
      neurons: neuronColumn(neurons),
    })),
  charts: ({ minimal: trace }, groups) =>
    trace && trace.examples.length > 0 ? [{ name: 'minimal', ...minimalDots(trace, groups) }] : [],
  tables: ({ minimal: trace }, groups) => (trace ? [minimalTable(trace, groups)] : []),
  sections: [minimalSection],
};
