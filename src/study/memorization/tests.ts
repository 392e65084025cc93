import type { ImageChange } from '../../experiments/imageChanges.js';
import { matched, meanDifference } from '../../experiments/matching.js';
import { MEMORIZED } from '../../experiments/memorization.js';
import { distinct, groupedBy, numberOf, numbers, type Row, select } from '../../kit/rows.js';
import { mannWhitney } from '../../metrics/mannWhitney.js';
import { mean } from '../../metrics/statistics.js';
import { RANGES } from '../../settings/ranges.js';
import { whole } from '../../settings/schema.js';
import * as z from '../../zod.js';
import { type Answer, majorityOf, minoritiesOf } from '../cells.js';
import { criteria, minorityGroups, name, points, positive } from '../values.js';

/** Questions about memorized images, over models that leave images out. */
export const testsSchema = z.strictObject({
  of: name,
  k: whole(RANGES.count, 1),
  criteria,
  minorityGroups,
  /** The largest negligible difference of accuracies, in points, and of margins, in logits. */
  points,
  equivalence: positive,
  /** The AUC by which a measure of one model ranks memorized images above others: it tells the same, or is a proxy, above these. */
  proxy: z.strictObject({ same: z.number().min(0.5).max(1), least: z.number().min(0.5).max(1) }),
});
export type MemorizationTests = z.output<typeof testsSchema>;

/** Fewer compared images give no number. */
const LEAST_IMAGES = 5;

/** Questions that are described, and not tested: whether a difference is of the images, and not of the memory. */
export const POST_HOC = 'post hoc: ';

/** A row of the trace `changes`. */
export type RecordedChange = ImageChange & { readonly seed: number; readonly stage: string };

/** A question about memorized images. */
interface MemorizationRow extends Answer {
  /** The number of compared images; null for a difference of accuracies. */
  readonly compared: number | null;
}

/** Returns what the other models say of each image, by seed and file: its memorization without this model. */
export function memorizationByOthers(answers: readonly Row[]): (seed: unknown, file: string) => number {
  const sums = new Map<string, number[]>();
  const own = new Map<string, readonly [trained: number, right: number]>();
  for (const row of answers) {
    const [file, trained, right] = [String(row.file), numberOf(row, 'trained'), numberOf(row, 'right')];
    own.set(JSON.stringify([row.seed, file]), [trained, right]);
    // Models without the image and the correct ones among them, then models with it and the correct ones.
    const sum = sums.get(file) ?? [0, 0, 0, 0];
    sum[2 * trained] = (sum[2 * trained] as number) + 1;
    sum[2 * trained + 1] = (sum[2 * trained + 1] as number) + right;
    sums.set(file, sum);
  }
  return (seed, file) => {
    const [out = 0, rightOut = 0, within = 0, rightIn = 0] = sums.get(file) ?? [];
    const [trained, right] = own.get(JSON.stringify([seed, file])) ?? [0, 0];
    return trained === 1
      ? (rightIn - right) / (within - 1) - rightOut / out
      : rightIn / within - (rightOut - right) / (out - 1);
  };
}

/** Memorized images, and others. */
function parted(
  rows: readonly RecordedChange[],
  memorization: ReturnType<typeof memorizationByOthers>,
): [RecordedChange[], RecordedChange[]] {
  const isMemorized = ({ seed, file }: RecordedChange): boolean => memorization(seed, file) > MEMORIZED;
  return [rows.filter(isMemorized), rows.filter((row) => !isMemorized(row))];
}

/** Returns the planned tests, a row per model and question; a model with too few images to compare has none. */
export function memorizationTestRows(
  tests: MemorizationTests,
  answers: readonly Row[],
  changes: readonly RecordedChange[],
): MemorizationRow[] {
  const { k, criteria, points, equivalence } = tests;
  const memorization = memorizationByOthers(answers);
  return minoritiesOf(tests).flatMap((chosenFor) => {
    const majority = majorityOf(tests, chosenFor);
    const accuracies = distinct(answers, 'seed').map((seed): MemorizationRow => {
      const gap = (group: number): number => {
        const [trained, leftOut] = [1, 0].map((value) =>
          mean(numbers(select(answers, { seed, group, trained: value }), 'right')),
        ) as [number, number];
        return 100 * (trained - leftOut);
      };
      const question = 'memorization, minority minus majority';
      const of = { question, criterion: null, chosenFor, seed: Number(seed), compared: null };
      return { ...of, value: gap(chosenFor) - gap(majority), unit: 'points', margin: points, sign: 1 };
    });
    const ofNeurons = criteria.flatMap((criterion) =>
      groupedBy(select(changes, { criterion, chosenFor, k }), ['seed']).flatMap((own) => {
        const of = (group: number, trained: number) => select(own, { group, trained });
        const trained = of(majority, 1);
        const [yes, no] = parted(trained, memorization);
        const [leftOut, others] = parted(of(majority, 0), memorization);
        const pairs = {
          'memorized minus not memorized': matched(yes, no),
          'trained minus left out': [chosenFor, majority].flatMap((group) =>
            matched(of(group, 1), of(group, 0)),
          ),
          'minority minus majority': matched(of(chosenFor, 1), trained),
          [`${POST_HOC}memorized minus not memorized, left out`]: matched(leftOut, others),
          [`${POST_HOC}trained minus left out, memorized`]: matched(yes, leftOut),
        };
        return Object.entries(pairs).map(([question, found]): MemorizationRow => {
          const value = meanDifference(found, LEAST_IMAGES);
          const seed = own[0]?.seed ?? Number.NaN;
          const named = { question, criterion, chosenFor, seed, compared: found.length };
          return { ...named, value, unit: 'logits', margin: equivalence, sign: -1 };
        });
      }),
    );
    return [...accuracies, ...ofNeurons].filter(({ value }) => Number.isFinite(value));
  });
}

/** Returns how well one model ranks memorized trained images of a majority group above others: by summed loss, and by a small margin. */
export function proxyRows(
  tests: MemorizationTests,
  answers: readonly Row[],
  changes: readonly RecordedChange[],
) {
  const memorization = memorizationByOthers(answers);
  const one = { criterion: tests.criteria[0] ?? null, k: tests.k };
  return minoritiesOf(tests).flatMap((chosenFor) => {
    const group = majorityOf(tests, chosenFor);
    const rows = select(changes, { ...one, chosenFor, group, trained: 1 });
    return groupedBy(rows, ['seed']).flatMap((own) => {
      const [yes, no] = parted(own, memorization);
      if (Math.min(yes.length, no.length) < LEAST_IMAGES) return [];
      const auc = (of: (row: RecordedChange) => number): number =>
        mannWhitney(yes.map(of), no.map(of)).u / (yes.length * no.length);
      const measures = {
        // Runs that did not track images have none.
        ...(own.every(({ lossSum }) => Number.isFinite(lossSum)) && {
          'loss summed over training': auc((row) => Number(row.lossSum)),
        }),
        'small margin': auc((row) => -row.margin),
      };
      return Object.entries(measures).map(([measure, value]): Row => {
        return { name: measure, group, seed: own[0]?.seed ?? null, memorizedAuc: value };
      });
    });
  });
}
