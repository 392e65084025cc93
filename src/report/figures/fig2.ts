import { changeCharts, nullCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { zeroedSection } from '../sections/changes.js';
import { zeroed } from './needs.js';
import { traceFigure } from './traceFigure.js';

export const fig2: Figure = {
  ...traceFigure,
  name: 'fig2',
  title: 'Zeroing the top neurons',
  needs: { traces: [zeroed('train')] },
  charts: ({ traces }, groups) => [
    ...changeCharts('fig2', 'zero', traces, groups),
    ...nullCharts('fig2', 'zero', traces, groups),
  ],
  sections: [zeroedSection],
};
