import { changeCharts, nullCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { reinitializedSection } from '../sections/changes.js';
import { drawn } from './needs.js';
import { traceFigure } from './traceFigure.js';

export const fig4: Figure = {
  ...traceFigure,
  name: 'fig4',
  title: 'Random initialization of the top neurons',
  needs: { traces: [drawn('reinit', 'train')] },
  charts: ({ traces }, groups) => [
    ...changeCharts('fig4', 'reinit', traces, groups),
    ...nullCharts('fig4', 'reinit', traces, groups),
  ],
  sections: [reinitializedSection],
};
