import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { Neuron } from '../../neurons/neuron.js';
import type { Figures } from '../figures.js';
import { score, SPLIT_NAME } from '../format.js';
import { shortList, type GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import { drawsNote, hasSpread, PERTURBED, seedsNote } from '../perturbation.js';
import { hasManyKs, type CriterionTrace } from '../selections.js';
import { table } from '../table.js';
import { percentText, spreadText } from './parts.js';

/** The chosen neurons with their scores, and the numbers behind Figs 2, 4 and 5. */
export function neuronSection(groups: readonly GroupLabel[], { fig2 }: Figures): Section | undefined {
  const [first] = fig2;
  if (!first) return undefined;
  const views = fig2.map(({ view }) => view);
  const traces = [...new Set(views.map(({ trace }) => trace))];
  const ofTrace = (trace: TraceUnstructuredResult): Markup[] =>
    views.filter((view) => view.trace === trace).map((view) => neuronTable(view, groups));
  const isWeight = first.view.trace.unit === 'weight';
  return {
    id: 'neurons',
    title: 'Chosen neurons',
    body: html`<p>
        ${
          isWeight
            ? 'A single weight is written layer[number], its place in the layer’s flattened weights. Its score is the size of its gradient or of itself.'
            : 'A neuron is written layer[number]: an output channel of a convolution, or a row of a linear layer. Its score is the l2 norm of its weights’ gradient or of its weights.'
        }
        A row with more neurons adds the last ones to those above. Changes are in points; the group that the
        neurons were chosen for is bold.
      </p>
      ${traces.map((trace, at) => (at === 0 && !views.some(hasManyKs) ? ofTrace(trace) : folded(trace, ofTrace(trace))))}`,
  };
}

/** The tables of a trace, folded away: long ones, and the same neurons under another perturbation or on another split. */
function folded(trace: TraceUnstructuredResult, tables: readonly Markup[]): Markup {
  const draws = trace.perturbation === 'zero' ? '' : ` (${seedsNote(trace)})`;
  return html`<details>
    <summary>
      Neurons ${PERTURBED[trace.perturbation].state}${draws}, ${SPLIT_NAME[trace.split]} accuracy
    </summary>
    ${tables}
  </details> `;
}

function neuronTable(view: CriterionTrace, groups: readonly GroupLabel[]): Markup {
  const { baseline, split, perturbation } = view.trace;
  const draws = drawsNote(view);
  const what = `${PERTURBED[perturbation].state}${draws === '' ? '' : ` (${draws})`}`;
  return table(
    `Criterion ${view.criterion}, ${what}: change of ${SPLIT_NAME[split]} accuracy (points${hasSpread(view) ? ', ± 1 standard deviation over seeds' : ''})`,
    [
      { name: 'Chosen for' },
      { name: 'k' },
      { name: 'neurons added, score', text: true },
      ...groups.map(({ short }) => ({ name: short })),
    ],
    view.selections.map(({ groups: chosenFor, entry, added }) => ({
      heading: shortList(chosenFor, groups),
      cells: [
        String(entry.k),
        neuronList(added),
        ...groups.map(({ index }) => ({
          content: spreadText(entry.change[index], entry.changeStd?.[index]),
          own: chosenFor.length === 1 && chosenFor[0] === index,
        })),
      ],
    })),
    [
      {
        heading: 'before',
        cells: ['', '', ...groups.map(({ index }) => percentText(baseline.accuracy[index]))],
      },
    ],
  );
}

function neuronList(neurons: readonly Neuron[]): Markup {
  return html`<ul class="neurons">
    ${neurons.map(
      ({ layer, index, score: value }) =>
        html`<li><code>${layer}[${index}]</code><small>${score(value)}</small></li>`,
    )}
  </ul>`;
}
