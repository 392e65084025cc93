import type { ControlsHeader } from '../../experiments/results.js';
import type { SessionHeader } from '../../experiments/results.js';
import { fixed, plural, precisionText } from '../format.js';
import { countMarked, expectedMarked, MARKED_P, type MeasuredChange } from '../views/measuredChange.js';

/** `4800 neurons`, or `5308416 single weights` where these are the unit. */
export function unitsText({ numNeurons, unit }: Pick<SessionHeader, 'numNeurons' | 'unit'>): string {
  return unit === 'weight' ? plural(numNeurons, 'single weight') : plural(numNeurons, 'neuron');
}

/** How neurons were found: the samples that gradients were taken on, and what magnitudes depend on. */
export function sourceText(
  { gradientSource: source, loss, magnitudeLayers, precision }: SessionHeader,
  group = 'the group',
): string {
  const predicted = source.order === 'lowest-loss' ? 'best predicted' : 'worst predicted';
  const pool = `the at most ${source.worst} ${predicted} training samples of ${group}`;
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

/** Changes that are counted together, and what they are called. */
export interface NamedChanges {
  readonly name: string;
  readonly changes: readonly MeasuredChange[];
}

/** A comparison that does not break at the end of a line. */
const MARKED = `p\u00a0≤\u00a0${MARKED_P}`;

/**
 * With what changes were compared, and how many are unlike those of random neurons; empty without controls.
 *
 * @param isFirst whether the comparison has not been explained yet
 */
export function controlsText(
  controls: ControlsHeader | null,
  counted: readonly NamedChanges[],
  isFirst = true,
): string {
  const present = counted.filter(({ changes }) => countMarked(changes).compared > 0);
  if (!controls || present.length === 0) return '';
  const { draws, exceedances } = controls;
  const stop =
    exceedances === undefined ? '' : ` A test stops once ${exceedances} of them are as far out on each side.`;
  const explained =
    `Beside each set, up to ${plural(draws, 'random set')} of as many neurons of the same layers were perturbed in the same way, ` +
    `on the same samples.${stop} p is two-sided, about the middle of the random sets. `;
  const compared = isFirst ? explained : '';
  if (expectedMarked(1, draws) === 0) return `${compared}So few draws allow no ${MARKED}.`;
  const counts = present.map(({ name, changes }) => {
    const { marked, compared: all } = countMarked(changes);
    return `${marked} of ${all} ${name} (by chance up to about ${fixed(expectedMarked(all, draws), 1)})`;
  });
  return `${compared}Random neurons do less (${MARKED}) in ${counts.join(' and ')}; before correction for many tests.`;
}
