import { ARTICLE_SIGMA } from '../../../experiments/traceSettings.js';
import { PERTURBATION_NAMES } from '../../../neurons/perturbations.js';
import type { Figure, Show } from '../../figure.js';
import { drawn, overSigmas, zeroed } from '../../traces/needs.js';
import { showChanges } from './changes.js';

/** Standard deviations of Figs 11 and 12: the article's, and those of the published code's comments. */
const REINIT_SIGMAS = [ARTICLE_SIGMA, 0.02, 0.05, 0.1, 0.15, 0.2];
const NOISE_SIGMAS = [ARTICLE_SIGMA, 0.01, 0.02];

export const fig2: Figure = {
  name: 'fig2',
  title: 'Zeroing the top neurons',
  needs: { traces: [zeroed('train')] },
  show: showChanges('zero', 'fig2'),
};

export const fig4: Figure = {
  name: 'fig4',
  title: 'Random initialization of the top neurons',
  needs: { traces: [drawn('reinit', 'train')] },
  show: showChanges('reinit', 'fig4', 'fig11'),
};

export const fig11: Figure = {
  name: 'fig11',
  title: 'Random initialization over standard deviations',
  needs: { traces: [overSigmas('reinit', REINIT_SIGMAS)] },
  show: fig4.show,
};

export const fig5: Figure = {
  name: 'fig5',
  title: 'Noise on the top neurons',
  needs: { traces: [drawn('noise', 'train')] },
  show: showChanges('noise', 'fig5', 'fig12'),
};

export const fig12: Figure = {
  name: 'fig12',
  title: 'Noise over standard deviations',
  needs: { traces: [overSigmas('noise', NOISE_SIGMAS)] },
  show: fig5.show,
};

/** The same for the perturbations that the article does not have, whose charts are named by them: `mean-gradient`. */
export const furtherChanges: readonly Show[] = PERTURBATION_NAMES.filter(
  (name) => !['zero', 'reinit', 'noise'].includes(name),
).map((name) => showChanges(name));
