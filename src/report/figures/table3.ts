import { manyNeuronsCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { PERTURBATION_NAMES } from '../../neurons/perturbations.js';
import { articleTableFigure } from './articleTableFigure.js';
import { zeroed } from './needs.js';

export const table3: Figure = {
  ...articleTableFigure(
    { name: 'table3', splits: ['train'], shows: 'change', perturbed: 'many zeroed' },
    {
      title: 'Zeroing up to ten neurons',
      traces: [zeroed('train', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [])],
    },
  ),
  // The article zeroes many neurons; another perturbation of many is drawn likewise.
  charts: ({ traces }, groups) =>
    PERTURBATION_NAMES.flatMap((perturbation) =>
      manyNeuronsCharts(
        perturbation === 'zero' ? 'table3' : `table3-${perturbation}`,
        perturbation,
        traces,
        groups,
      ),
    ),
};
