import type { Table } from '../../report/table.js';
import {
  isRecorded,
  majorityOf,
  meanText,
  pTexts,
  signFlipTests,
  tableOf,
  type TestedModels,
  verdictText,
  withinText,
} from './cells.js';
import { answers, FIT, fits } from './questions.js';
import { type RecordRow, select } from './records.js';

/** The split that is traced where it is tested. */
const TESTED_SPLIT = 'train';

const VERDICTS = { claimed: 'holds', opposite: 'does not hold', small: 'does not hold', open: 'open' };

/** A planned test: a number a model, and the claim about their mean. */
interface PlannedTest {
  readonly question: string;
  /** The criterion; empty where no neurons are chosen. */
  readonly name: string;
  readonly chosenFor: number;
  readonly values: readonly number[];
  readonly claim: { readonly margin: number; readonly sign: 1 | -1 };
  readonly unit: string;
  readonly decimals: number;
  readonly isTested: boolean;
}

/** The tested sets of neurons: a criterion's, for a minority group. */
export function testedSets(of: TestedModels, effects: readonly RecordRow[], stage = of.tests.stage) {
  const { k } = of.tests;
  return of.tests.criteria.flatMap((criterion) =>
    of.minorities.map((chosenFor) => ({
      name: criterion,
      chosenFor,
      rows: select(effects, { stage, split: TESTED_SPLIT, k, criterion, chosenFor }),
    })),
  );
}

/** The planned tests of a family, and what is described of criteria outside of it. None where there is no family. */
export function plannedTests(
  of: TestedModels,
  models: readonly RecordRow[],
  effects: readonly RecordRow[],
): PlannedTest[] {
  const { stage, primary, equivalence, family } = of.tests;
  if (!family) return [];
  return primary.flatMap((question): PlannedTest[] => {
    if (question === FIT) {
      const ofFit = {
        question,
        name: '',
        claim: { margin: family.points, sign: 1 },
        unit: 'points',
      } as const;
      return of.minorities.map((chosenFor) => {
        const values = fits(select(models, { stage }), chosenFor, majorityOf(of.tests, chosenFor));
        return { ...ofFit, decimals: 1, isTested: true, chosenFor, values };
      });
    }
    const ofMargin = { question, claim: { margin: equivalence, sign: -1 }, unit: 'logits' } as const;
    return testedSets(of, effects).map(({ name, chosenFor, rows }) => {
      const values = answers(question, rows, effects, majorityOf(of.tests, chosenFor));
      const isTested = family.criteria.some((criterion) => criterion === name);
      return { ...ofMargin, name, decimals: 3, isTested, chosenFor, values };
    });
  });
}

/** The same, a row each, with verdicts. */
export function familyTable(
  of: TestedModels,
  models: readonly RecordRow[],
  effects: readonly RecordRow[],
): Table[] {
  const { k, stage, family, leastModels } = of.tests;
  if (!family) return [];
  const planned = plannedTests(of, models, effects);
  const shown = planned.filter(isRecorded);
  const left = planned
    .filter((one) => !isRecorded(one))
    .map(({ question, name }) => `${question} ${name}`.trim());
  const tests = signFlipTests(
    shown.map(({ isTested, values }) => (isTested ? values : null)),
    { least: leastModels },
  );
  const count = tests.filter(({ p }) => p !== undefined).length;
  return [
    tableOf(
      `Primary: k = ${k}, training split, ${stage} models; Holm\u2019s correction is over all tests of the table`,
      [
        ...['question', 'criterion', 'group', 'n', 'mean [95 %]', 'p'],
        ...[count === 0 ? 'p, Holm' : `p, Holm over ${count}`],
        ...['margin', '90 % within the margin', 'verdict'],
      ],
      shown.map(({ question, name, chosenFor, values, claim, unit, decimals }, i) => {
        const test = tests[i] ?? { p: undefined, holm: undefined };
        return [
          ...[question, name, `G${chosenFor}*`, String(values.length), meanText(values, decimals)],
          ...[...pTexts(test), `${claim.margin} ${unit}`, withinText(values, claim.margin, decimals)],
          verdictText(values, test, claim, VERDICTS),
        ];
      }),
      ...(left.length === 0 ? [] : [`Left out, for want of records: ${[...new Set(left)].join('; ')}`]),
    ),
  ];
}
