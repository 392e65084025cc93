import { sigmaCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { noiseSection } from '../sections/changes.js';
import { drawn } from './needs.js';
import { traceFigure } from './traceFigure.js';

export const fig12: Figure = {
  ...traceFigure,
  name: 'fig12',
  title: 'Noise over standard deviations',
  needs: { traces: [drawn('noise', 'train', 'grid')] },
  charts: ({ traces }, groups) => sigmaCharts('fig12', 'noise', traces, groups),
  sections: [noiseSection],
};
