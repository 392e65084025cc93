import type { Split } from '../../data/split.js';
import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import type { TraceNeed } from '../figure.js';

/** Numbers of neurons in the article's figures. */
const TOP_3 = [1, 2, 3];

/** Zeroing the top neurons of the article's criteria: in training, where the article's claim is, beside random ones. */
export function zeroed(
  split: Split,
  topK: readonly number[] = TOP_3,
  compared = split === 'train' ? topK : [],
): TraceNeed {
  return { perturbation: 'zero', split, topK, compared, sigmas: [] };
}

/** Random initialization or noise on the top neurons, with the article's standard deviation. */
export function drawn(perturbation: 'reinit' | 'noise', split: Split): TraceNeed {
  return { perturbation, split, topK: TOP_3, compared: [], sigmas: [ARTICLE_SIGMA] };
}

/** The same on the training split with several standard deviations, of which a user may choose others. */
export function overSigmas(perturbation: 'reinit' | 'noise', sigmas: readonly number[]): TraceNeed {
  return { ...drawn(perturbation, 'train'), sigmas, isGrid: true };
}

export function perturbed(split: Split): TraceNeed[] {
  return [zeroed(split), drawn('reinit', split), drawn('noise', split)];
}
