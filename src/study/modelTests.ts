import { linearRegression } from 'simple-statistics';
import { distinct, groupedBy, numberOf, type Row, select } from '../kit/rows.js';
import { type Answer, majorityOf, minoritiesOf } from './cells.js';
import { answers, FIT, fits, QUESTION_NAMES, type QuestionName } from './questions.js';
import { changeIn, ownMargin } from './recordedEffects.js';
import type { NeuronTests as Tests } from './schema.js';

/** The quantity that may grow with the gap between training and test. */
const GROWING: QuestionName = 'beyond same layers, training minus test';
/** Gaps that differ differ by more than this: accuracies are recorded with five digits. */
const LEAST_SPREAD = 1e-6;
/** The unit of each outcome, and its factor. */
const SCALES = [
  ['margin', 'logits', 1],
  ['accuracy', 'points', 100],
  ['loss', 'nats', 1],
] as const;

/** A question about a set of neurons. */
interface TestRow extends Answer {
  readonly status: 'Primary' | 'Not planned' | 'Post hoc';
  /** The family within which Holm corrects; null: described, not tested. */
  readonly family: string | null;
}

/** Returns the tests of models, one row per model: planned questions, the others, and post-hoc questions. */
export function testRows(
  tests: Tests,
  models: readonly Row[],
  effects: readonly Row[],
  perturbations: readonly Row[] = [],
): TestRow[] {
  const { of: stage, primary, family, equivalence } = tests;
  const sets = testedSets(tests, effects, stage);
  const others = QUESTION_NAMES.filter((name) => !primary.includes(name));
  const questions = [...primary, ...others].flatMap((question): TestRow[] => {
    const isPlanned = primary.includes(question);
    const status = isPlanned ? ('Primary' as const) : ('Not planned' as const);
    const familyOf = (criterion: unknown): string | null => {
      if (!isPlanned || !family) return question;
      return question === FIT || family.criteria.some((name) => name === criterion) ? 'planned' : null;
    };
    if (question === FIT) {
      const claim = { unit: 'points', margin: family?.points ?? null, sign: 1 } as const;
      return gaps(tests, models, stage).map((row) => ({
        ...row,
        ...claim,
        status,
        question,
        family: familyOf(''),
      }));
    }
    return sets.map((row) => ({
      ...modelValue(row, answerOf(tests, question, row, effects)),
      status,
      question,
      unit: 'logits',
      margin: equivalence,
      family: familyOf(row.criterion),
    }));
  });
  return [...questions, ...withinClass(tests, sets), ...perturbed(tests, perturbations)];
}

/** A model's number, from the row of the set of neurons that it is about. */
function modelValue(
  row: Row,
  value: number,
): Pick<Answer, 'criterion' | 'chosenFor' | 'seed' | 'value' | 'sign'> {
  return {
    criterion: String(row.criterion),
    chosenFor: numberOf(row, 'chosenFor'),
    seed: numberOf(row, 'seed'),
    value,
    sign: -1,
  };
}

/**
 * Returns a group's change minus that of its class's majority group, and the planned interaction. The interaction pools the measured
 * minority and majority examples, which differ in their shares of classes, so that neurons for a class affect it.
 */
function withinClass(tests: Tests, sets: readonly Row[]): TestRow[] {
  return SCALES.flatMap(([outcome, unit, scale]) =>
    sets.map((row): TestRow => {
      const changeOf = (group: number): number => scale * changeIn(row, outcome, group);
      const value = changeOf(Number(row.chosenFor)) - changeOf(majorityOf(tests, Number(row.chosenFor)));
      const question = `${outcome} within class, minority minus majority`;
      const pooled = scale * changeIn(row, outcome, 'Interaction');
      return {
        ...modelValue(row, value),
        pooled,
        question,
        status: 'Post hoc',
        unit,
        margin: null,
        family: question,
      };
    }),
  );
}

/** Compares random values in place of neurons, and added noise, with zeroing (Figs 4 and 5). */
function perturbed(tests: Tests, perturbations: readonly Row[]): TestRow[] {
  const { k, sigma, criteria, equivalence } = tests;
  const [criterion] = criteria;
  if (sigma === undefined || criterion === undefined) return [];
  const rowsOf = (perturbation: string): Row[] => {
    // Zeroing has no standard deviation.
    const settings = { perturbation, sigma: perturbation === 'zero' ? null : sigma, criterion, k };
    return minoritiesOf(tests).flatMap((chosenFor) => select(perturbations, { ...settings, chosenFor }));
  };
  const zeroed = rowsOf('zero');
  const beyondZeroing = (row: Row): number => {
    const [zero] = select(zeroed, { seed: row.seed ?? null, chosenFor: row.chosenFor ?? null });
    return ownMargin(row) - (zero ? ownMargin(zero) : Number.NaN);
  };
  const questions = [
    ['random values minus zeroing, own change', 'reinit', beyondZeroing],
    ['noise minus zeroing, own change', 'noise', beyondZeroing],
    ['noise, minority minus majority', 'noise', (row: Row) => changeIn(row, 'margin', 'Interaction')],
  ] as const;
  return questions.flatMap(([question, perturbation, valueOf]) =>
    rowsOf(perturbation).map((row): TestRow => {
      const test = { question, unit: 'logits', margin: equivalence, family: question } as const;
      return { ...modelValue(row, valueOf(row)), ...test, status: 'Primary' };
    }),
  );
}

/** Returns the tested sets of neurons, one row per model: a criterion's, for a minority group. */
function testedSets(tests: Tests, effects: readonly Row[], stage: string): Row[] {
  const { k, criteria } = tests;
  return criteria.flatMap((criterion) =>
    minoritiesOf(tests).flatMap((chosenFor) =>
      // The traced split.
      select(effects, { stage, split: 'train', k, criterion, chosenFor }),
    ),
  );
}

function answerOf(tests: Tests, question: QuestionName, row: Row, effects: readonly Row[]): number {
  return answers(question, [row], effects, majorityOf(tests, Number(row.chosenFor)))[0] ?? Number.NaN;
}

/** Returns the gap of Fig. 1 in points, one row per minority group and model. */
function gaps(tests: Tests, models: readonly Row[], stage: string) {
  const ofStage = select(models, { stage });
  return minoritiesOf(tests).flatMap((chosenFor) =>
    fits(ofStage, chosenFor, majorityOf(tests, chosenFor)).map((value, at) => ({
      criterion: null,
      chosenFor,
      value,
      seed: Number(distinct(ofStage, 'seed')[at]),
    })),
  );
}

/** The gap of Fig. 1 in points, and the quantity that may grow with it in logits, for a set of neurons at one stage of a model. */
interface GrowthPoint extends Row {
  readonly criterion: string;
  readonly chosenFor: number;
  readonly stage: string;
  readonly seed: number;
  readonly gap: number;
  readonly logits: number;
}

/** Returns each group's change beyond random neurons, training minus test, with its gap of Fig. 1. Omits sets that some stage lacks. */
export function growthPoints(tests: Tests, models: readonly Row[], effects: readonly Row[]): GrowthPoint[] {
  const points = (tests.growth ?? []).flatMap((stage) => {
    const sets = testedSets(tests, effects, stage);
    const ofModels = gaps(tests, models, stage);
    return tests.criteria.flatMap((criterion) =>
      ofModels.map(({ chosenFor, seed, value }): GrowthPoint => {
        const [set] = select(sets, { criterion, chosenFor, seed });
        const logits = set ? answerOf(tests, GROWING, set, effects) : Number.NaN;
        return { criterion, chosenFor, stage, seed, gap: value, logits };
      }),
    );
  });
  return groupedBy(points, ['criterion', 'chosenFor'])
    .filter((own) => own.every(({ gap, logits }) => Number.isFinite(gap) && Number.isFinite(logits)))
    .flat();
}

/** Returns logits per 10 points of the gap, by least squares over the stages of each model whose gap changes by more than rounding. */
export function growthSlopes(points: readonly GrowthPoint[]): Row[] {
  return groupedBy(points, ['criterion', 'chosenFor', 'seed']).flatMap((own): Row[] => {
    const ofGap = own.map(({ gap }) => gap);
    if (Math.max(...ofGap) - Math.min(...ofGap) < LEAST_SPREAD) return [];
    return [{ ...own[0], slope: 10 * linearRegression(own.map(({ gap, logits }) => [gap, logits])).m }];
  });
}
