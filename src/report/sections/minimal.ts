import type { MakeSection } from '../figure.js';
import { typographic } from '../format.js';
import { html } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { comparisonText, minimalTable } from '../tables/minimal.js';
import { unitsText } from './method.js';
import { minimalVerdict } from '../verdicts/minimal.js';
import { chartFigure, figureData } from './parts.js';

/** How few neurons hold an example of each group. */
export const minimalSection: MakeSection = (report, groups, charts, figures) => {
  const { minimal: trace } = report;
  if (!trace || trace.examples.length === 0) return undefined;
  const { examplesPerGroup, referenceSize, seed, mostNeurons } = trace;
  return {
    id: 'minimal',
    title: 'Neurons without which an example is forgotten',
    verdict: minimalVerdict(trace),
    data: figureData(figures, report),
    body: html`<p>
        Not in the article; after Maini et al.,
        <cite>Can Neural Network Memorization Be Localized?</cite> (2023). For each of at most
        ${examplesPerGroup} training examples of a group that are predicted right (seed ${seed}), the neuron
        of ${unitsText(trace)} whose zeroing raises the example’s loss most, beside the mean loss of
        ${referenceSize} others, is zeroed, and again under those that are zeroed already, until the example
        is predicted wrong, or ${mostNeurons} are. Which one that is, is told by the product of gradient and
        weights.
      </p>
      ${chartFigure(charts.get('minimal'))}
      <p class="note">${typographic(comparisonText(trace))}</p>
      <p class="note">
        The search is greedy: fewer neurons may do. An example that the model is all but sure of has next to
        no gradient, so that the others’ losses choose its first neurons, and it needs more of them. Traced
        weights: sha256
        <code>${trace.checkpoint.slice(0, 12)}</code>.
      </p>
      ${htmlTable(minimalTable(trace, groups))}`,
  };
};
