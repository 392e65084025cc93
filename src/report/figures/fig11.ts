import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import { sigmaCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { reinitializedSection } from '../sections/changes.js';
import { overSigmas } from './needs.js';
import { traceFigure } from './traceFigure.js';

/** The article's, and those of the published code's comments. */
const SIGMAS = [ARTICLE_SIGMA, 0.02, 0.05, 0.1, 0.15, 0.2];

export const fig11: Figure = {
  ...traceFigure,
  name: 'fig11',
  title: 'Random initialization over standard deviations',
  needs: { traces: [overSigmas('reinit', SIGMAS)] },
  charts: ({ traces }, groups) => sigmaCharts('fig11', 'reinit', traces, groups),
  sections: [reinitializedSection],
};
