import { changeCharts, nullCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { noiseSection } from '../sections/changes.js';
import { drawn } from './needs.js';
import { traceFigure } from './traceFigure.js';

export const fig5: Figure = {
  ...traceFigure,
  name: 'fig5',
  title: 'Noise on the top neurons',
  needs: { traces: [drawn('noise', 'train')] },
  charts: ({ traces }, groups) => [
    ...changeCharts('fig5', 'noise', traces, groups),
    ...nullCharts('fig5', 'noise', traces, groups),
  ],
  sections: [noiseSection],
};
