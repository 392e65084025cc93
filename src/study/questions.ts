import { distinct, numberOf, type Row, select } from '../kit/rows.js';
import { changeIn, interactionBeyond, ownBeyond } from './recordedEffects.js';

/** The same model's row of another set of neurons or split. */
type Other = (differs: Row) => Row;

/**
 * A question of Part I that is tested over models: returns a model's number from the row of a set of neurons.
 *
 * @param majority the majority group of the class that the neurons were chosen for
 */
type Question = (row: Row, other: Other, majority: number) => number;

/** The change of a minority group's margin minus that of the majority group of its class. */
const withinClass = (row: Row, minority: number, majority: number): number =>
  changeIn(row, 'margin', minority) - changeIn(row, 'margin', majority);

/** The questions by name. The article's claim comes first: minority groups lose more than under random neurons. */
const QUESTIONS = {
  'interaction beyond same layers': (row) => interactionBeyond(row, 'same-layers'),
  'interaction beyond whole model': (row) => interactionBeyond(row, 'whole-model'),
  interaction: (row) => changeIn(row, 'margin', 'Interaction'),
  'beyond same layers': (row) => ownBeyond(row, 'same-layers'),
  'beyond whole model': (row) => ownBeyond(row, 'whole-model'),
  'within class, minority-chosen minus majority-chosen': (row, other, majority) =>
    withinClass(row, Number(row.chosenFor), majority) -
    withinClass(other({ chosenFor: majority }), Number(row.chosenFor), majority),
  'within class, training minus test': (row, other, majority) =>
    withinClass(row, Number(row.chosenFor), majority) -
    withinClass(other({ split: 'test' }), Number(row.chosenFor), majority),
  'beyond same layers, training minus test': (row, other) =>
    ownBeyond(row, 'same-layers') - ownBeyond(other({ split: 'test' }), 'same-layers'),
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
