import { sigmaCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { reinitializedSection } from '../sections/changes.js';
import { drawn } from './needs.js';
import { traceFigure } from './traceFigure.js';

export const fig11: Figure = {
  ...traceFigure,
  name: 'fig11',
  title: 'Random initialization over standard deviations',
  needs: { traces: [drawn('reinit', 'train', 'grid')] },
  charts: ({ traces }, groups) => sigmaCharts('fig11', 'reinit', traces, groups),
  sections: [reinitializedSection],
};
