import type { Figures } from '../figures.js';
import { score, SPLIT_NAME } from '../format.js';
import { shortList, type GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import { drawsNote, hasSpread, PERTURBED } from '../perturbation.js';
import type { CriterionTrace } from '../selections.js';
import { table } from '../table.js';
import { percentText, spreadText } from './parts.js';
import type { Neuron } from '../../neurons/neuron.js';

/** The chosen neurons with their scores, and the numbers behind Figs 2, 4 and 5. */
export function neuronSection(groups: readonly GroupLabel[], { fig2 }: Figures): Section | undefined {
  const [first] = fig2;
  if (!first) return undefined;
  return {
    id: 'neurons',
    title: 'Chosen neurons',
    body: html`<p>
        A neuron is written layer[channel]. Its score is the l2 norm of its weights’ gradient or of its
        weights. Changes are in points; the group that the neurons were chosen for is bold.
      </p>
      ${fig2.map(({ view }) => (view.trace === first.view.trace ? neuronTable(view, groups) : folded(view, groups)))}`,
  };
}

/** The table of a further trace, folded away: the same neurons under another perturbation, or on another split. */
function folded(view: CriterionTrace, groups: readonly GroupLabel[]): Markup {
  const draws = drawsNote(view);
  return html`<details>
    <summary>
      Criterion ${view.criterion},
      ${PERTURBED[view.trace.perturbation].state}${draws === '' ? '' : ` (${draws})`},
      ${SPLIT_NAME[view.trace.split]} accuracy
    </summary>
    ${neuronTable(view, groups)}
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
      { name: 'neurons, score', text: true },
      ...groups.map(({ short }) => ({ name: short })),
    ],
    view.selections.map(({ groups: chosenFor, entry }) => ({
      heading: shortList(chosenFor, groups),
      cells: [
        String(entry.k),
        neuronList(entry.neurons),
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
