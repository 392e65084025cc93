import type { Figure } from '../figure.js';
import { articleTableFigure } from './articleTableFigure.js';
import { perturbed } from './needs.js';

export const table13: Figure = articleTableFigure(
  { name: 'table13', splits: ['train', 'test'], shows: 'change', perturbed: 'few' },
  { title: 'Changes of training and test accuracy', traces: [...perturbed('train'), ...perturbed('test')] },
);
