import { ARTICLE_SIGMA } from '../../../experiments/traceSettings.js';
import { PERTURBATION_NAMES } from '../../../neurons/perturbations.js';
import type { Figure, Show, TraceNeed } from '../../figure.js';
import { drawn, overSigmas, zeroed } from '../../traces/needs.js';
import { showChanges } from './changes.js';

/** Standard deviations of Figs 11 and 12: the article's, and those of the published code's comments. */
const REINIT_SIGMAS = [ARTICLE_SIGMA, 0.02, 0.05, 0.1, 0.15, 0.2];
const NOISE_SIGMAS = [ARTICLE_SIGMA, 0.01, 0.02];

const showReinit = showChanges('reinit', 'fig4', 'fig11');
const showNoise = showChanges('noise', 'fig5', 'fig12');

export const fig2 = figure('fig2', 'Zeroing the top neurons', zeroed('train'), showChanges('zero', 'fig2'));
export const fig4 = figure(
  'fig4',
  'Random initialization of the top neurons',
  drawn('reinit', 'train'),
  showReinit,
);
export const fig11 = figure(
  'fig11',
  'Random initialization over standard deviations',
  overSigmas('reinit', REINIT_SIGMAS),
  showReinit,
);
export const fig5 = figure('fig5', 'Noise on the top neurons', drawn('noise', 'train'), showNoise);
export const fig12 = figure(
  'fig12',
  'Noise over standard deviations',
  overSigmas('noise', NOISE_SIGMAS),
  showNoise,
);

function figure(name: string, title: string, need: TraceNeed, show: Show): Figure {
  return { name, title, needs: { traces: [need] }, show };
}

/** The same for the perturbations that the article does not have, whose charts are named by them: `mean-gradient`. */
export const furtherChanges: readonly Show[] = PERTURBATION_NAMES.filter(
  (name) => !['zero', 'reinit', 'noise'].includes(name),
).map((name) => showChanges(name));
