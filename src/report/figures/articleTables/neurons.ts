import type { TraceUnstructuredResult } from '../../../experiments/results.js';
import { isDrawn } from '../../../neurons/perturbations.js';
import type { Show } from '../../figure.js';
import { plural, SPLIT_NAME } from '../../format.js';
import { folded, html, htmlTable, type Markup } from '../../html/html.js';
import { selectionTable } from '../changes/tables.js';
import { hasManyKs, PERTURBED, seedsNote, traceView } from '../changes/view.js';

/** The chosen neurons with their scores, and the numbers behind Figs 2, 4 and 5. */
export const showNeurons: Show = ({ traces }, groups) => {
  const shown = traces.map(traceView).filter(({ views }) => views.length > 0);
  const [first] = shown;
  if (!first) return undefined;
  const isLong = shown.some(({ views }) => views.some(hasManyKs));
  return {
    id: 'neurons',
    title: 'Chosen neurons',
    verdict: neuronsVerdict(first.trace),
    prose: () =>
      html`<p>
          ${
            first.trace.unit === 'weight'
              ? 'A single weight is written layer[number], its place in the layer’s flattened weights. Its score is the size of its gradient or of itself.'
              : 'A neuron is written layer[number]: an output channel of a convolution, or a row of a linear layer. Its score is the l2 norm of its weights’ gradient or of its weights.'
          }
          A row with more neurons adds the last ones to those above. Changes are in points; the group that the
          neurons were chosen for is bold.
        </p>
        ${shown.map(({ trace, views }, at) => {
          const tables = views.map((view) => htmlTable(selectionTable(view, groups)));
          return at === 0 && !isLong ? tables : foldedTrace(trace, tables);
        })}`,
  };
};

/** The tables of a trace, folded away: long ones, and the same neurons under another perturbation or on another split. */
function foldedTrace(trace: TraceUnstructuredResult, tables: readonly Markup[]): Markup {
  const note = isDrawn(trace.perturbation) ? ` (${seedsNote(trace)})` : '';
  return folded(
    `Neurons ${PERTURBED[trace.perturbation].participle}${note}, ${SPLIT_NAME[trace.split]} accuracy`,
    tables,
  );
}

/** How many neurons were chosen in all, and where most of them are. */
function neuronsVerdict({ entries, numNeurons, unit }: TraceUnstructuredResult): string[] {
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
