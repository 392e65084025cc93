import type { Figures } from '../figures.js';
import { score, SPLIT_NAME } from '../format.js';
import { shortList, type GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import type { CriterionTrace } from '../selections.js';
import { table } from '../table.js';
import { percentText, pointsText } from './parts.js';
import type { Neuron } from '../../neurons/neuron.js';

/** The chosen neurons with their scores, and the numbers behind Fig. 2. */
export function neuronSection(groups: readonly GroupLabel[], { fig2 }: Figures): Section | undefined {
  if (fig2.length === 0) return undefined;
  return {
    id: 'neurons',
    title: 'Chosen neurons',
    body: html`<p>
        A neuron is written layer[channel]. Its score is the l2 norm of its weights’ gradient or of its
        weights. Changes are in points; the group that the neurons were chosen for is bold.
      </p>
      ${fig2.map(({ view }) => neuronTable(view, groups))}`,
  };
}

function neuronTable(view: CriterionTrace, groups: readonly GroupLabel[]): Markup {
  const { baseline, split } = view.trace;
  return table(
    `Criterion ${view.criterion}: change of ${SPLIT_NAME[split]} accuracy (points)`,
    [
      { name: 'Chosen for' },
      { name: 'k' },
      { name: 'neurons, score', text: true },
      ...groups.map(({ short }) => ({ name: short })),
    ],
    view.selections.map(({ groups: chosenFor, entry }) => ({
      heading: shortList(chosenFor, groups),
      cells: [
        String(entry.k),
        neuronList(entry.neurons),
        ...groups.map(({ index }) => ({
          content: pointsText(entry.change[index]),
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
