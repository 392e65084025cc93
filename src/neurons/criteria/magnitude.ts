import type { Criterion } from '../criterion.js';
import { magnitudeScores } from '../score.js';
import { magnitudeLayers } from '../select.js';

/** The l2 norm of a neuron's weights. */
export const magnitude = {
  name: 'magnitude',
  largest: 'largest magnitude',
  inArticle: true,
  dependsOnGroup: false,
  repeats: { article: 10, released: 10 },
  scores: ({ model, unit }) => magnitudeScores(model, unit),
  layers: (layers, settings) => magnitudeLayers(layers, settings.magnitudeLayers),
  order: ({ magnitudeOrder }) => magnitudeOrder ?? 'largest',
} as const satisfies Criterion;
