import { rankChart, rankHistograms } from '../charts/rankHistograms.js';
import type { Figure } from '../figure.js';
import { overlapSection } from '../sections/overlap.js';
import { readingOf, readings } from '../views/overlap.js';
import { rankList } from '../tables/ranks.js';

export const fig3: Figure = {
  name: 'fig3',
  title: 'Ranks of one criterion\u2019s top neurons under the other',
  needs: { results: ['overlap'] },
  // The percentile rank of each chosen neuron under the other criterion.
  rows: ({ overlap, dataset }) =>
    (overlap?.entries ?? []).flatMap((entry) =>
      entry.neurons.map(({ layer, index, score, percentile }) => ({
        among: readingOf(entry),
        group: entry.group,
        name: dataset.groupNames[entry.group] ?? '',
        chosenBy: entry.chosenBy,
        rankedBy: entry.rankedBy,
        neuron: `${layer}[${index}]`,
        score,
        percentile,
      })),
    ),
  charts: ({ overlap }, groups) =>
    overlap
      ? readings(overlap).map((reading) => ({
          name: rankChart(reading),
          ...rankHistograms(overlap, reading, groups),
        }))
      : [],
  tables: ({ overlap }, groups) => (overlap ? [rankList(overlap, groups)] : []),
  sections: [overlapSection],
};
