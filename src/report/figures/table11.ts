import type { Figure } from '../figure.js';
import { articleTableFigure } from './articleTableFigure.js';
import { perturbed } from './needs.js';

/** Figs 2, 4 and 5 in numbers: in the article on CelebA, here on the dataset of the run. */
export const table11: Figure = articleTableFigure(
  { name: 'table11', splits: ['train'], shows: 'change', perturbed: 'few' },
  { title: 'Changes of training accuracy', traces: [...perturbed('train')] },
);
