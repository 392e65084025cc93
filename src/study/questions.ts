import { distinct, numberOf, type Row, select } from '../kit/rows.js';

/** A number of a recorded set of neurons. */
type Value = (row: Row) => number;

/** The same model's row of another set of neurons or split. */
type Other = (differs: Row) => Row;

/**
 * A question of Part I that is tested over models: returns a model's number from the row of a set of neurons.
 *
 * @param majority the majority group of the class that the neurons were chosen for
 */
type Question = (row: Row, other: Other, majority: number) => number;

/** The change of the mean margin of the group that neurons were chosen for. */
export const own: Value = (row) => numberOf(row, `margin${String(row.chosenFor)}`);

const interaction: Value = (row) => numberOf(row, 'marginInteraction');

/** The change of the margin of the group that neurons were chosen for, minus that under random neurons. */
export const beyond =
  (null_: string): Value =>
  (row) =>
    own(row) - numberOf(row, `${null_} margin`);

/** Minority minus majority, minus the same under random neurons. */
export const interactionBeyond =
  (null_: string): Value =>
  (row) =>
    interaction(row) - numberOf(row, `${null_} marginInteraction`);

/** The change of a minority group's margin minus that of the majority group of its class. */
const withinClass = (row: Row, minority: unknown, majority: number): number =>
  numberOf(row, `margin${String(minority)}`) - numberOf(row, `margin${majority}`);

/** The questions by name. The article's claim comes first: minority groups lose more than under random neurons. */
const QUESTIONS = {
  'interaction beyond same layers': interactionBeyond('same-layers'),
  'interaction beyond whole model': interactionBeyond('whole-model'),
  interaction,
  'beyond same layers': beyond('same-layers'),
  'beyond whole model': beyond('whole-model'),
  'within class, minority-chosen minus majority-chosen': (row, other, majority) =>
    withinClass(row, row.chosenFor, majority) -
    withinClass(other({ chosenFor: majority }), row.chosenFor, majority),
  'within class, training minus test': (row, other, majority) =>
    withinClass(row, row.chosenFor, majority) -
    withinClass(other({ split: 'test' }), row.chosenFor, majority),
  'beyond same layers, training minus test': (row, other) =>
    beyond('same-layers')(row) - beyond('same-layers')(other({ split: 'test' })),
} as const satisfies Readonly<Record<string, Question>>;
export type QuestionName = keyof typeof QUESTIONS;
export const QUESTION_NAMES = Object.keys(QUESTIONS) as QuestionName[];

/** Fig. 1's question, about unperturbed models: training minus test accuracy of a minority group, minus that of its class's majority group. */
export const FIT = 'accuracy within class, training minus test';
/** The questions that a study can plan. */
export const PLANNED_NAMES = [FIT, ...QUESTION_NAMES] as const;

/** Returns the numbers of Fig. 1's question in points, one per model, from the recorded accuracies of one stage. */
export function fits(models: readonly Row[], minority: number, majority: number): number[] {
  return distinct(models, 'seed').map((seed) => {
    const accuracy = (split: string, group: number): number =>
      numberOf(select(models, { seed, split, group })[0] ?? {}, 'accuracy');
    const gap = (group: number): number => accuracy('train', group) - accuracy('test', group);
    return 100 * (gap(minority) - gap(majority));
  });
}

/** Returns the numbers of a question, one per row; NaN if a model lacks a row or a number. */
export function answers(
  name: QuestionName,
  rows: readonly Row[],
  effects: readonly Row[],
  majority: number,
): number[] {
  const question: Question = QUESTIONS[name];
  return rows.map((row) => {
    const other: Other = (differs) => {
      const wanted: Row = { ...row, ...differs };
      const keys = ['seed', 'stage', 'split', 'criterion', 'chosenFor', 'k'];
      return effects.find((found) => keys.every((key) => found[key] === wanted[key])) ?? {};
    };
    return question(row, other, majority);
  });
}
