import { type Outcome, OUTCOMES } from '../experiments/outcomes.js';
import type { TraceEntry } from '../experiments/results.js';
import { type CsvRow, numberOf, type Row } from '../kit/rows.js';
import { NULL_NAMES, type NullName } from '../neurons/nulls.js';

// A record has a row per set of neurons, with columns for its effects. This file alone builds their names.

type Interaction = 'Interaction';

/** The change of a group, or that of all minority examples minus that of all majority ones. */
export function changeColumn<const O extends Outcome, const Of extends number | Interaction>(
  outcome: O,
  of: Of,
) {
  return `${outcome}${of}` as const;
}

/** The mean change under random neurons: of the group that the chosen ones were chosen for, or the interaction. */
const randomColumn = (null_: NullName, outcome: Outcome, of: '' | Interaction): string =>
  `${null_} ${outcome}${of}`;

/** Returns a set of neurons with the changes of each group, and minority minus majority. */
export function effectRow({
  criterion,
  group,
  k,
  neurons,
  change,
  difference,
  ...entry
}: TraceEntry): CsvRow {
  const changes = { accuracy: change, margin: entry.margin, loss: entry.loss };
  const ofGroups = [...change.keys()].flatMap((g) =>
    OUTCOMES.map((outcome) => [changeColumn(outcome, g), changes[outcome][g] ?? null]),
  );
  const interactions = OUTCOMES.map((outcome) => [
    changeColumn(outcome, 'Interaction'),
    difference?.[outcome] ?? null,
  ]);
  return {
    criterion,
    chosenFor: group,
    k,
    neurons: neurons.map(({ layer, index }) => `${layer}:${index}`).join(' '),
    ...(Object.fromEntries([...ofGroups, ...interactions]) as CsvRow),
  };
}

/** Returns means over random neurons: for the group of the chosen ones, and for minority minus majority. */
export function randomMeans({ comparisons, group }: TraceEntry): CsvRow {
  const columns = NULL_NAMES.flatMap((name) =>
    (['accuracy', 'margin'] as const).flatMap((outcome) => [
      [randomColumn(name, outcome, ''), comparisons?.[name]?.groups[group]?.[outcome].mean ?? null],
      [randomColumn(name, outcome, 'Interaction'), comparisons?.[name]?.difference?.[outcome].mean ?? null],
    ]),
  );
  return Object.fromEntries(columns) as CsvRow;
}

/** The change of an outcome, as recorded: accuracies are fractions. */
export function changeIn(row: Row, outcome: Outcome, of: number | Interaction): number {
  return numberOf(row, changeColumn(outcome, of));
}

/** The change of the mean margin of the group that neurons were chosen for. */
export function ownMargin(row: Row): number {
  return changeIn(row, 'margin', Number(row.chosenFor));
}

/** The same, minus that under random neurons. */
export function ownBeyond(row: Row, null_: NullName): number {
  return ownMargin(row) - numberOf(row, randomColumn(null_, 'margin', ''));
}

/** Minority minus majority of mean margins, minus the same under random neurons. */
export function interactionBeyond(row: Row, null_: NullName): number {
  return changeIn(row, 'margin', 'Interaction') - numberOf(row, randomColumn(null_, 'margin', 'Interaction'));
}
