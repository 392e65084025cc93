import type { Row } from '../kit/rows.js';
import { summarize, withTests } from '../kit/summarize.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { comparisonName, OUTCOMES } from './outcomes.js';

/** Settings that identify a measurement of a figure. */
export const MEASUREMENT = [
  ...(['split', 'perturbation', 'sigma', 'criterion', 'layer', 'chosenFor', 'k'] as const),
  ...(['chosenBy', 'rankedBy', 'among', 'group', 'name'] as const),
];

const EXCESSES = NULL_NAMES.flatMap((null_) =>
  OUTCOMES.map((outcome) => `${comparisonName(null_, outcome)}Excess`),
);
/** Measures tested against 0: changes, and their excess over those of random neurons. */
const TESTED: readonly string[] = ['change', 'marginChange', 'lossChange', ...EXCESSES];
const MEASURES: readonly string[] = ['accuracy', 'baseline', 'baselineMargin', ...TESTED, 'percentile'];

/** The label of rows that compare all minority examples with all majority ones. */
export const DIFFERENCE = 'minority minus majority';

/**
 * Summarizes a figure's rows over models, one row per measurement: settings, the number of `models`, and the columns of `summarize` and
 * `withTests`. Several rows of one model, such as its neurons' ranks, are averaged first. Holm corrects over the figure's
 * distinct changes of groups, or over its distinct differences between minority and majority examples.
 */
export function overModels(ofModels: readonly (readonly Row[])[]): Row[] {
  const rows = ofModels.flatMap((own, model) => own.map((row) => ({ ...row, model })));
  const by = MEASUREMENT.filter((name) => rows.some((row) => name in row));
  const summary = summarize(rows, { by, over: 'model', measures: MEASURES });
  return TESTED.reduce<readonly Row[]>(
    (all, measure) =>
      withTests(all, measure, {
        family: ({ name }) => (name === DIFFERENCE ? 'differences' : 'groups'),
        same: sameTest(measure),
      }),
    summary,
  ).map(({ n = null, ...row }) => ({ models: n, ...row }));
}

/** Returns the columns that identify a test: a criterion that chooses the same neurons for each group has one test of a measure. */
function sameTest(measure: string): readonly string[] {
  return [...MEASUREMENT.filter((name) => name !== 'chosenFor'), `${measure}Values`];
}
