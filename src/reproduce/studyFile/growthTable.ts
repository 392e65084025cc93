import { linearRegression } from 'simple-statistics';
import type { Table } from '../../report/table.js';
import { meanText, type Models, tableOf } from './cells.js';
import { testedSets } from './familyTable.js';
import { answers, FIT, fits, type QuestionName } from './questions.js';
import { distinct, type RecordRow, select } from './records.js';

/** What may grow with the gap between training and test. */
const GROWING: QuestionName = 'beyond same layers, training minus test';
/** Points of the gap that a slope is given by. */
const POINTS = 10;

/**
 * A group's change beyond random neurons, training minus test, and the gap of Fig. 1, stage by stage; and the slope of one on the other, a
 * least-squares line a model. None where the study names no stages for it, or they are not recorded.
 */
export function growthTable(
  of: Models,
  models: readonly RecordRow[],
  effects: readonly RecordRow[],
): Table[] {
  const { growth, k, minorityGroups } = of.tests;
  if (!growth) return [];
  const seeds = distinct(models, 'seed');
  const stages = growth.map((stage) => ({ stage, sets: testedSets(of, effects, stage) }));
  const rows = (stages[0]?.sets ?? []).flatMap(({ name, chosenFor }, i) => {
    const majority = minorityGroups[String(chosenFor)] ?? Number.NaN;
    /** Of each stage, of each model: gap and change. */
    const found = stages.map(({ stage, sets }) =>
      seeds.map((seed): [number, number] => {
        const [gap] = fits(select(models, { stage, seed }), chosenFor, majority);
        const [change] = answers(GROWING, select(sets[i]?.rows ?? [], { seed }), effects, majority);
        return [gap ?? Number.NaN, change ?? Number.NaN];
      }),
    );
    if (!found.flat(2).every(Number.isFinite)) return [];
    const slopes = seeds.map(
      (_, model) => POINTS * linearRegression(found.map((stage) => stage[model] ?? [])).m,
    );
    const cells = found.flatMap((ofModels) => [
      meanText(
        ofModels.map(([gap]) => gap),
        1,
      ),
      meanText(
        ofModels.map(([, change]) => change),
        3,
      ),
    ]);
    const known = slopes.filter(Number.isFinite);
    return [[name, `G${chosenFor}*`, ...cells, String(known.length), meanText(known, 3)]];
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
