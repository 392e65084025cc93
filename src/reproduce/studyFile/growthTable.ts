import { linearRegression } from 'simple-statistics';
import type { Table } from '../../report/table.js';
import { majorityOf, meanText, tableOf, type TestedModels } from './cells.js';
import { testedSets } from './familyTable.js';
import { answers, FIT, fits, type QuestionName } from './questions.js';
import { distinct, type RecordRow, select } from './records.js';

/** What may grow with the gap between training and test. */
const GROWING: QuestionName = 'beyond same layers, training minus test';
/** Points of the gap that a slope is given by. */
const POINTS = 10;
/** Points that gaps differ by at least: accuracies are recorded with five digits. */
const LEAST_SPREAD = 1e-6;

/** A criterion's set for a group, at every stage of every model. */
interface Growth {
  readonly criterion: string;
  readonly chosenFor: number;
  /** Of each stage, of each model: the gap of Fig. 1 in points, and what may grow with it in logits. */
  readonly byStage: readonly (readonly (readonly [gap: number, change: number])[])[];
  /** Of each model: logits per point of the gap, by least squares over the stages; NaN where its gap stays the same. */
  readonly slopes: readonly number[];
}

/**
 * A group's change beyond random neurons, training minus test, beside the gap of Fig. 1, stage by stage. None where the study names no
 * stages for it, or they are not recorded.
 */
export function growths(
  of: TestedModels,
  models: readonly RecordRow[],
  effects: readonly RecordRow[],
): readonly Growth[] {
  const { growth } = of.tests;
  if (!growth) return [];
  const seeds = distinct(models, 'seed');
  const stages = growth.map((stage) => ({ stage, sets: testedSets(of, effects, stage) }));
  const found = (stages[0]?.sets ?? []).map(({ name, chosenFor }, i): Growth => {
    const majority = majorityOf(of.tests, chosenFor);
    const byStage = stages.map(({ stage, sets }) =>
      seeds.map((seed): [number, number] => {
        const [gap] = fits(select(models, { stage, seed }), chosenFor, majority);
        const [change] = answers(GROWING, select(sets[i]?.rows ?? [], { seed }), effects, majority);
        return [gap ?? Number.NaN, change ?? Number.NaN];
      }),
    );
    const slopes = seeds.map((_, model) =>
      slopeOf(byStage.flatMap((stage) => stage.slice(model, model + 1))),
    );
    return { criterion: name, chosenFor, byStage, slopes };
  });
  return found.filter(({ byStage }) => byStage.flat(2).every(Number.isFinite));
}

/** By least squares; NaN where the gaps are the same but for rounding. */
function slopeOf(points: readonly (readonly [gap: number, change: number])[]): number {
  const gaps = points.map(([gap]) => gap);
  if (Math.max(...gaps) - Math.min(...gaps) < LEAST_SPREAD) return Number.NaN;
  return linearRegression(points.map(([gap, change]) => [gap, change])).m;
}

/** The same as a table; the slopes over the models that have one. */
export function growthTable(
  of: TestedModels,
  models: readonly RecordRow[],
  effects: readonly RecordRow[],
): Table[] {
  const { growth = [], k } = of.tests;
  const rows = growths(of, models, effects).map(({ criterion, chosenFor, byStage, slopes }) => {
    const cells = byStage.flatMap((stage) => [
      meanText(
        stage.map(([gap]) => gap),
        1,
      ),
      meanText(
        stage.map(([, change]) => change),
        3,
      ),
    ]);
    const known = slopes.filter(Number.isFinite);
    return [criterion, `G${chosenFor}*`, ...cells, String(known.length), meanText(known, 3, POINTS)];
  });
  if (rows.length === 0) return [];
  return [
    tableOf(
      `Secondary: does it grow as the gap grows? ${FIT} (points), and ${GROWING} (margin in logits), k = ${k}, by stage`,
      [
        ...['criterion', 'chosen for', ...growth.flatMap((stage) => [`${stage}, gap`, `${stage}, logits`])],
        ...['n', `slope, logits per ${POINTS} points`],
      ],
      rows,
    ),
  ];
}
