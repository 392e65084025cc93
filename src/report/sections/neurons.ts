import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { isDrawn } from '../../neurons/perturbations.js';
import { SPLIT_NAME } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { selectionTable } from '../tables/changes.js';
import { PERTURBED, seedsNote } from '../views/perturbation.js';
import { neuronsVerdict } from '../verdicts/neurons.js';
import { byCriterion, hasManyKs } from '../views/selections.js';
import { folded } from './parts.js';

/** The chosen neurons with their scores, and the numbers behind Figs 2, 4 and 5. */
export const neuronSection: MakeSection = (report, groups) => {
  const views = byCriterion(report.traces);
  const [first] = views;
  if (!first) return undefined;
  const traces = [...new Set(views.map(({ trace }) => trace))];
  const ofTrace = (trace: TraceUnstructuredResult): Markup[] =>
    views.filter((view) => view.trace === trace).map((view) => htmlTable(selectionTable(view, groups)));
  const isWeight = first.trace.unit === 'weight';
  return {
    id: 'neurons',
    title: 'Chosen neurons',
    verdict: neuronsVerdict(first.trace),
    body: html`<p>
        ${
          isWeight
            ? 'A single weight is written layer[number], its place in the layer’s flattened weights. Its score is the size of its gradient or of itself.'
            : 'A neuron is written layer[number]: an output channel of a convolution, or a row of a linear layer. Its score is the l2 norm of its weights’ gradient or of its weights.'
        }
        A row with more neurons adds the last ones to those above. Changes are in points; the group that the
        neurons were chosen for is bold.
      </p>
      ${traces.map((trace, at) => (at === 0 && !views.some(hasManyKs) ? ofTrace(trace) : foldedTrace(trace, ofTrace(trace))))}`,
  };
};

/** The tables of a trace, folded away: long ones, and the same neurons under another perturbation or on another split. */
function foldedTrace(trace: TraceUnstructuredResult, tables: readonly Markup[]): Markup {
  const note = isDrawn(trace.perturbation) ? ` (${seedsNote(trace)})` : '';
  return folded(
    `Neurons ${PERTURBED[trace.perturbation].state}${note}, ${SPLIT_NAME[trace.split]} accuracy`,
    tables,
  );
}
