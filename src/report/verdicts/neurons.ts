import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { plural } from '../format.js';

/** How many neurons were chosen in all, and where most of them are. */
export function neuronsVerdict({ entries, numNeurons, unit }: TraceUnstructuredResult): string[] {
  const layerOf = new Map(
    entries.flatMap(({ neurons }) =>
      neurons.map(({ layer, index }) => [`${layer}[${index}]`, layer] as const),
    ),
  );
  if (layerOf.size === 0) return [];
  const counts = new Map<string, number>();
  for (const layer of layerOf.values()) counts.set(layer, (counts.get(layer) ?? 0) + 1);
  const [layer, most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  const units = unit === 'weight' ? 'single weight' : 'neuron';
  return [
    `All groups and criteria together chose ${plural(layerOf.size, `distinct ${units}`)} of ${numNeurons}, in ${plural(counts.size, 'layer')}; ${layer} has the most, ${most}.`,
  ];
}
