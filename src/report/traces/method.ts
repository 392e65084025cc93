import type { PrecisionChange, SessionHeader, TraceCost, TraceHeader } from '../../experiments/results.js';
import type { TrainingResult } from '../../train/results.js';
import { fixed, plural, SPLIT_NAME } from '../format.js';
import { html, type Markup } from '../html/html.js';
import { countMarked, expectedMarked, MARKED_P, type MeasuredChange } from './tests.js';

/** `4800 neurons`, or `5308416 single weights` where these are the unit. */
export function unitsText({ numNeurons, unit }: Pick<SessionHeader, 'numNeurons' | 'unit'>): string {
  return unit === 'weight' ? plural(numNeurons, 'single weight') : plural(numNeurons, 'neuron');
}

/** How neurons were found: the samples that gradients were taken on, and what magnitudes depend on. */
export function sourceText(
  { gradientSource: source, loss, magnitudeLayers, precision, heldOutHalf }: SessionHeader,
  group = 'the group',
): string {
  const predicted = source.order === 'lowest-loss' ? 'best predicted' : 'worst predicted';
  const half = heldOutHalf === true ? ', in the half that neurons are chosen on' : '';
  const pool = `the at most ${source.worst} ${predicted} training samples of ${group}${half}`;
  const samples =
    source.drawn < source.worst
      ? `at most ${plural(source.drawn, 'sample')}, drawn (seed ${source.seed}) from ${pool}`
      : pool;
  return [
    `A gradient is taken on ${samples}`,
    loss === 'double-softmax' ? ', with the cross-entropy of their softmax as logits' : '',
    '; magnitudes depend on no samples',
    magnitudeLayers === 'no-downsample' ? ', and choose outside the downsample convolutions' : '',
    precision ? `. All of it is ${precisionText(precision)}` : '',
    '.',
  ].join('');
}

export interface NamedChanges {
  readonly name: string;
  readonly changes: readonly MeasuredChange[];
}

/** A comparison that does not break at the end of a line. */
const MARKED = `p\u00a0≤\u00a0${MARKED_P}`;

/** How many changes are unlike those of random neurons, after an explanation where it is the first; empty without random neurons. */
export function randomSetsText(
  { nullDraws: draws, exceedances }: Pick<TraceHeader, 'nullDraws' | 'exceedances'>,
  counted: readonly NamedChanges[],
  isFirst = true,
): string {
  const present = counted.filter(({ changes }) => countMarked(changes).compared > 0);
  if (draws === 0 || present.length === 0) return '';
  const explained =
    `Beside each set, up to ${plural(draws, 'random set')} of as many neurons of the same layers were perturbed in the same way, ` +
    `on the same samples. A test stops once ${exceedances} of them are as far out on each side. p is two-sided, about the middle of the random sets. `;
  const compared = isFirst ? explained : '';
  if (expectedMarked(1, draws) === 0) return `${compared}So few draws allow no ${MARKED}.`;
  const counts = present.map(({ name, changes }) => {
    const { marked, compared: all } = countMarked(changes);
    return `${marked} of ${all} ${name} (by chance up to about ${fixed(expectedMarked(all, draws), 1)})`;
  });
  return `${compared}Changes are unlike those of random neurons (${MARKED}) in ${counts.join(' and ')}; before correction for many tests.`;
}

/** Says so when a trace started from other accuracies than Fig. 1 shows: the two are then not comparable. */
export function sameBaseline(
  { split, baseline }: Pick<TraceHeader, 'split' | 'baseline'>,
  result: TrainingResult | undefined,
): string {
  if (!result) return '';
  // The other groups were measured on a sample or on the held-out half, and cannot be compared.
  const whole = baseline.total.flatMap((total, group) =>
    total === result[split].total[group] ? [group] : [],
  );
  if (whole.length === 0) return '';
  const same = whole.every((group) => baseline.correct[group] === result[split].correct[group]);
  const which = whole.length < baseline.total.length ? ', of the groups that were measured whole,' : '';
  return same
    ? `The ${SPLIT_NAME[split]} accuracies of the unchanged model${which} equal those of Fig. 1.`
    : `The ${SPLIT_NAME[split]} accuracies of the unchanged model differ from those of Fig. 1: another checkpoint may have been traced.`;
}

/** The split whose accuracies a trace measured. */
export function measuredOn(
  { split, heldOutHalf }: Pick<TraceHeader, 'split' | 'heldOutHalf'>,
  ofTraining = '',
): string {
  if (split === 'train' && heldOutHalf === true) {
    return 'All accuracies here are training accuracies, of the half of each group that no neurons were chosen on.';
  }
  return split === 'train'
    ? `All accuracies here are training accuracies${ofTraining}.`
    : `All accuracies here are ${SPLIT_NAME[split]} accuracies; Part I of the article uses training accuracies.`;
}

const HELD_OUT =
  'neurons chosen on half of each group\u2019s training samples; training accuracies are those of the other half';

/** The cost of a trace, its precision where that is not its run's, and whether half of the samples were held out. */
export function traceNotes({
  cost,
  precision,
  heldOutHalf,
}: Pick<TraceHeader, 'cost' | 'precision' | 'heldOutHalf'>): string[] {
  return [
    ...(heldOutHalf === true ? [HELD_OUT] : []),
    ...(precision ? [precisionText(precision)] : []),
    costText(cost),
  ];
}

/** The predictions that the precision changed by itself. */
function precisionText({ precision, ofRun, changed, total }: PrecisionChange): string {
  return `computed in ${precision}, trained in ${ofRun}: ${changed} of ${total} training predictions differ`;
}

/** Against evaluating each variant alone on the whole split. */
function costText({ naiveForwards, runForwards, ratio }: TraceCost): string {
  return `cost: ${Math.round(runForwards)} of ${naiveForwards} forward passes (${ratio.toFixed(3)} of evaluating each variant alone)`;
}

/** The weights that were traced, by their file's hash. */
export function tracedWeights(checkpoint: string): Markup {
  return html`Traced weights: sha256 <code>${checkpoint.slice(0, 12)}</code>.`;
}
