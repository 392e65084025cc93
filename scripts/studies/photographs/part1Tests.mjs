// The tests over models of Part I of docs/studies/photographs.md, as its tables show them.
import { equivalence } from '#src/metrics/equivalence.js';
import { holm } from '#src/metrics/holm.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { meanText } from './results.mjs';

/** In logits, set before the first run. */
const MARGIN = 0.25;
/** Fewer models are described and not tested: no sign-flip test of them has a p below 0.05. */
const LEAST_TESTED = 6;

/** The columns of `marginRows`, after the first. */
export const MARGIN_COLUMNS = ['chosen for', 'n', 'mean [95 %]', 'p', 'p, Holm', `90 % within ${MARGIN}`];

/** A row a test of margins; each has a name, the group that neurons are chosen for and a value a model. Holm's correction is over all. */
export function marginRows(tests) {
  const pTexts = signFlipTexts(tests.map(({ values }) => values));
  return tests.map(({ name, chosenFor, values }, at) => {
    const within = equivalence(values, MARGIN);
    return [
      ...[name, `G${chosenFor}*`, values.length, meanText(values, 3), ...pTexts[at]],
      within === null
        ? ''
        : `${within.equivalent ? 'yes' : 'no'} [${within.interval.map((end) => end.toFixed(3)).join(', ')}]`,
    ];
  });
}

/** Of each test's values, a value a model: the sign-flip test's p, and after Holm's correction over all of them. */
export function signFlipTexts(tests) {
  const pValues = tests.map((values) => (values.length < LEAST_TESTED ? undefined : signFlip(values).pValue));
  const adjusted = holm(pValues);
  return pValues.map((pValue, at) => [pValue, adjusted[at]].map((p) => p?.toFixed(4) ?? ''));
}
