import type { Figure } from '../figure.js';
import { articleTableFigure } from './articleTableFigure.js';
import { perturbed } from './needs.js';

export const table14: Figure = articleTableFigure(
  { name: 'table14', splits: ['train', 'test'], shows: 'accuracy', perturbed: 'few' },
  { title: 'Training and test accuracy', traces: [...perturbed('train'), ...perturbed('test')] },
);
