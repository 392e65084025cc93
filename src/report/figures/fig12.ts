import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import { sigmaCharts } from '../charts/traceCharts.js';
import type { Figure } from '../figure.js';
import { noiseSection } from '../sections/changes.js';
import { overSigmas } from './needs.js';
import { traceFigure } from './traceFigure.js';

/** The article's, and those of the published code's comments. */
const SIGMAS = [ARTICLE_SIGMA, 0.01, 0.02];

export const fig12: Figure = {
  ...traceFigure,
  name: 'fig12',
  title: 'Noise over standard deviations',
  needs: { traces: [overSigmas('noise', SIGMAS)] },
  charts: ({ traces }, groups) => sigmaCharts('fig12', 'noise', traces, groups),
  sections: [noiseSection],
};
