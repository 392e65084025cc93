import type { Criterion } from '../criterion.js';
import { magnitudeScores } from '../score.js';

/** The l2 norm of a neuron's weights. */
export const magnitude = {
  name: 'magnitude',
  inArticle: true,
  dependsOnGroup: false,
  scores: ({ model, unit }) => magnitudeScores(model, unit),
  layers: (layers, settings) =>
    settings.magnitudeLayers === 'all' ? layers : layers.filter(({ isShortcut }) => !isShortcut),
  order: ({ magnitudeOrder }) => magnitudeOrder ?? 'largest',
} as const satisfies Criterion;
