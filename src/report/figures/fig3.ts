import { rankHistograms } from '../charts/rankHistograms.js';
import type { Figure } from '../figure.js';
import { overlapSection } from '../sections/overlap.js';
import { rankList } from '../tables/ranks.js';

export const fig3: Figure = {
  name: 'fig3',
  title: 'Ranks of one criterion\u2019s top neurons under the other',
  needs: { results: ['overlap'] },
  // The percentile rank of each chosen neuron under the other criterion.
  rows: ({ overlap, dataset }) =>
    (overlap?.entries ?? []).flatMap(({ group, chosenBy, rankedBy, neurons }) =>
      neurons.map(({ layer, index, score, percentile }) => ({
        group,
        name: dataset.groupNames[group] ?? '',
        chosenBy,
        rankedBy,
        neuron: `${layer}[${index}]`,
        score,
        percentile,
      })),
    ),
  charts: ({ overlap }, groups) =>
    overlap && overlap.entries.length > 0 ? [{ name: 'fig3', ...rankHistograms(overlap, groups) }] : [],
  tables: ({ overlap }, groups) => (overlap ? [rankList(overlap, groups)] : []),
  sections: [overlapSection],
};
