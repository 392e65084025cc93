import { DIFFERENCE } from '../experiments/overModels.js';
import { type ColumnName, MARK, MARKED_P, probability } from '../kit/columns.js';
import { distinct, groupedBy, numberOf, numbers, type Row, select } from '../kit/rows.js';
import { list, pivot, type Table } from '../kit/table.js';
import { CRITERION_NAMES } from '../neurons/criteria.js';
import { perturbationNamed } from '../neurons/perturbations.js';
import { bars, dots } from './chart.js';
import { claim, judge } from './claim.js';
import type { FigureParts } from './figure.js';
import { capitalized, plural, pointsSpread, SPLIT_NAME } from './format.js';
import { groupNameIn, type Groups } from './groupLabels.js';
import { matrix } from './matrix.js';
import { perNull, sharedSet } from './rows.js';

/** The outcomes compared with random neurons, and the prefixes of their columns in the rows of a null. */
const COMPARED = [
  ['change', 'randomAccuracy'],
  ['marginChange', 'randomMargin'],
] as const;

/** The claim of these figures, of accuracies in the rows of a null. */
export const COSTS = {
  sign: -1,
  estimate: 'change',
  than: 'randomAccuracyMean',
  p: 'randomAccuracyP',
} as const;

/** The columns that identify a set of neurons within its trace. */
const SET = ['criterion', 'chosenFor', 'sigma', 'k'] as const;

export const isDifference = (row: Row): boolean => row.name === DIFFERENCE;
/** Whether a row is of the group that its neurons were chosen for. */
export const isOwn = (row: Row): boolean => row.group !== null && row.group === row.chosenFor;

/** Rows by criterion, deviation, group and number of neurons, each set once: criteria that do not depend on the group repeat theirs. */
export function setsOf(rows: readonly Row[]): Row[] {
  // Those of scripts come last.
  const names = [...CRITERION_NAMES, ...distinct(rows, 'criterion')];
  const order = (row: Row): number[] => [
    names.indexOf(row.criterion ?? null),
    ...['sigma', 'chosenFor', 'k'].map((column) => numberOf(row, column) || 0),
  ];
  const sorted = [...rows].sort((a, b) => {
    const [ofA, ofB] = [order(a), order(b)];
    return ofA.map((value, at) => value - (ofB[at] ?? 0)).find((difference) => difference !== 0) ?? 0;
  });
  const by = ['perturbation', 'split', ...SET, 'group'];
  return groupedBy(sorted.map(sharedSet), by).flatMap((same) => same.slice(0, 1));
}

/** Charts, tables and claims of changes under perturbed neurons, named `name`, with a panel per criterion and further settings. */
export function changeParts(
  name: string,
  rows: readonly Row[],
  groups: Groups,
  facet: readonly ColumnName[] = ['criterion'],
): FigureParts {
  const sets = setsOf(rows);
  const compared = perNull(sets.filter(isDifference));
  const down = SET.filter((column) => column !== 'sigma' || distinct(rows, 'sigma').length > 1);
  return {
    verdict: changeVerdict(compared, sets, groups),
    ...openingChart(compared, participleOf(rows), { groups, down, facet: ['null'] }),
    charts: [
      ...changeCharts(name, rows, sets, { groups, facet, down }),
      ...comparisonCharts(name, compared, participleOf(rows), { groups, down, facet: ['null'] }),
    ],
    tables: changeTables(rows, sets, compared, groups),
  };
}

/** `zeroed`, of the neurons that rows are about. */
function participleOf(rows: readonly Row[]): string {
  return perturbationNamed(String(rows[0]?.perturbation)).words.participle;
}

function splitOf(rows: readonly Row[]): string {
  return SPLIT_NAME[rows[0]?.split as keyof typeof SPLIT_NAME];
}

/** How charts are divided: panels, and the columns that name the lines of a panel. */
interface Layout {
  readonly groups: Groups;
  readonly facet: readonly ColumnName[];
  readonly down: readonly ColumnName[];
}

/** Each group under its own neurons as bars, and every group as a matrix. */
function changeCharts(
  name: string,
  rows: readonly Row[],
  sets: readonly Row[],
  { groups, facet, down }: Layout,
) {
  const ofGroups = sets.filter((row) => !isDifference(row));
  const look = { groups, facet, band: 'sameLayersAccuracy' } as const;
  const counts = groups.map(({ index }) =>
    numberOf(
      ofGroups.find(({ group }) => group === index),
      'examples',
    ),
  );
  const sizes = groups.map(({ short }, i) => `${counts[i] ?? 0} of ${short}`);
  const notes = counts.every(Number.isFinite) ? [`${splitOf(rows)} samples: ${sizes.join(', ')}`] : [];
  return [
    ...bars(rows.filter(isOwn), {
      ...look,
      name,
      title: `Change under a group’s own top-k neurons, ${participleOf(rows)}`,
      y: 'change',
      by: 'k',
      notes,
    }),
    ...matrix(ofGroups, {
      ...look,
      name: `${name}-all`,
      title: `Change of every group, neurons ${participleOf(rows)}`,
      down: down.filter((column) => !facet.includes(column)),
      value: 'change',
      isOwn,
    }),
  ];
}

/** Minority minus majority against random neurons, by accuracy and by margin. */
function comparisonCharts(name: string, compared: readonly Row[], participle: string, layout: Layout) {
  return COMPARED.flatMap(([x, band]) =>
    dots(compared, {
      ...layout,
      name: `${name}-${x === 'change' ? 'nulls' : 'nulls-margin'}`,
      title: `Minority minus majority, neurons ${participle}`,
      x,
      band,
    }),
  );
}

function changeTables(
  rows: readonly Row[],
  sets: readonly Row[],
  compared: readonly Row[],
  groups: Groups,
): Table[] {
  const ofGroups = sets.filter((row) => !isDifference(row));
  const groupName = groupNameIn(groups);
  const draws = rows.some((row) => typeof row.changeStd === 'number')
    ? ', ± standard deviation over draws'
    : '';
  const comparison = COMPARED.flatMap(
    ([column, random]) =>
      [column, `${random}Mean`, `${random}P`, `${random}PHolm`, `${random}PDrop`] as const,
  );
  return [
    ...pivot(
      ofGroups,
      {
        down: SET.filter((column) => distinct(ofGroups, column)[0] !== null),
        across: ['group'],
        cell: 'change',
      },
      {
        caption: `Change of ${splitOf(rows)} accuracy in points, neurons ${participleOf(rows)}${draws}`,
        write: changeText,
        groupName,
        isOwn,
        before: 'baseline',
        ...marked(ofGroups),
      },
    ),
    ...list(
      groupedBy(sets, SET).flatMap((same) => same.slice(0, 1)),
      [...SET, 'neurons'],
      { caption: 'The chosen neurons', groupName },
    ),
    ...groupedBy(compared, ['null']).flatMap((ofNull) =>
      list(ofNull, [...SET, ...comparison, 'lossChange', 'randomLossP'], {
        caption: `Minority minus majority, compared with random neurons ${String(ofNull[0]?.null)}`,
        groupName,
      }),
    ),
  ];
}

/**
 * Returns minority minus majority under the most neurons that the first criterion chose for each minority group, against random neurons. Which
 * sets these are is fixed beforehand, unlike the largest change.
 */
function openingChart(compared: readonly Row[], participle: string, look: Layout) {
  const [criterion] = distinct(compared, 'criterion');
  const k = Math.max(...numbers(compared, 'k'));
  const isMinority = ({ chosenFor }: Row): boolean =>
    typeof chosenFor !== 'number' || look.groups[chosenFor]?.minority === true;
  const rows = compared.filter((row) => row.criterion === criterion && row.k === k && isMinority(row));
  const nearest = { null: compared[0]?.null ?? null };
  const isWeak = judge(select(compared, nearest), COSTS, select(rows, nearest))?.answer === 'weak';
  const chart = dots(rows, {
    ...look,
    name: 'finding',
    title: `Do the chosen neurons, ${participle}, cost minority groups more than random neurons do?`,
    x: 'change',
    band: 'randomAccuracy',
    mark: isWeak ? null : 'PHolm',
    notes: [
      'dots: chosen neurons; all minority examples minus all majority examples',
      ...(isWeak ? ['too weak to judge: too few random draws'] : []),
    ],
  });
  return chart.length > 0 ? { opening: chart } : {};
}

/** The p-values by which cells are marked, and the note below a table with marks. */
export function marked(rows: readonly Row[]) {
  const mark = 'sameLayersAccuracyP';
  const note = `${MARK} p <= ${MARKED_P} against random neurons of the same layers, before correction`;
  return { mark, notes: rows.some((row) => numberOf(row, mark) <= MARKED_P) ? [note] : [] } as const;
}

/** A change with its standard deviation over the draws of a perturbation: `-10.71 ± 1.20`. */
export function changeText(row: Row): string {
  return pointsSpread(numberOf(row, 'change'), numberOf(row, 'changeStd'));
}

/** Whether the chosen neurons matter more to minority groups, and more than random ones do. */
function changeVerdict(compared: readonly Row[], sets: readonly Row[], groups: Groups): string[] {
  const [first] = sets;
  const { gerund } = perturbationNamed(String(first?.perturbation)).words;
  const does = `${gerund} the chosen neurons costs minority groups`;
  const differences = sets.filter(isDifference);
  const overModels = claim(differences, {
    what: `${does} more than majority groups`,
    opposite: `${does} less than majority groups`,
    sign: -1,
    estimate: 'change',
    p: 'changeP',
    sets: SET,
    groups,
  });
  const [nearest = [], ...others] = groupedBy(compared, ['null']);
  if (nearest.length === 0) {
    const why = groups.some(({ minority }) => minority)
      ? 'The split has no image of a minority group, or none of a majority group'
      : 'No group is a minority group';
    const hasNone =
      differences.length === 0
        ? `${why}: no difference between minority and majority groups was compared with random neurons.`
        : `${capitalized(gerund)} the chosen neurons was compared with no random neurons, so nothing here tells whether they matter more than others.`;
    return [...overModels, hasNone];
  }
  const beyond = `majority groups, beyond random neurons ${String(nearest[0]?.null)}`;
  return [
    ...claim(nearest, {
      what: `${does} more than ${beyond}`,
      opposite: `${does} less than ${beyond}`,
      ...COSTS,
      sets: SET,
      groups,
    }),
    ...overModels,
    `By margins, which move with every example, ${counted(nearest, 'randomMarginP')}.`,
    ...others.map(
      (rows) =>
        `Compared with random neurons ${String(rows[0]?.null)}, ${counted(rows, 'randomAccuracyP')} by accuracy and ${counted(rows, 'randomMarginP')} by margin.`,
    ),
  ];
}

/** `3 of 24 sets stand out (least p after Holm’s correction 0.012)`. */
function counted(rows: readonly Row[], p: ColumnName): string {
  const ps = numbers(rows, `${p}Holm`).filter(Number.isFinite);
  const passed = ps.filter((value) => value <= MARKED_P).length;
  return `${passed === 0 ? 'none' : passed} of ${plural(ps.length, 'set')} ${passed === 1 ? 'stands' : 'stand'} out (least p after Holm’s correction ${probability(Math.min(...ps))})`;
}
