import type { Split } from '../../data/split.js';
import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import type { TraceNeed } from '../figure.js';

/** Numbers of neurons in the article's figures. */
const TOP_3 = [1, 2, 3];

/** Zeroing the top neurons of the article's criteria. */
export function zeroed(split: Split, topK: readonly number[] = TOP_3): TraceNeed {
  return { perturbation: 'zero', split, topK, sigmas: [] };
}

/** Random initialization or noise on the top neurons, by default with the article's standard deviation. */
export function drawn(
  perturbation: 'reinit' | 'noise',
  split: Split,
  sigmas: TraceNeed['sigmas'] = [ARTICLE_SIGMA],
): TraceNeed {
  return { perturbation, split, topK: TOP_3, sigmas };
}

/** All three perturbations. */
export function perturbed(split: Split): TraceNeed[] {
  return [zeroed(split), drawn('reinit', split), drawn('noise', split)];
}
