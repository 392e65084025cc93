import { SPLITS } from '../../data/split.js';
import { DIFFERENCE } from '../../experiments/overModels.js';
import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import { type ColumnName, MARK, MARKED_P, probability } from '../../kit/columns.js';
import { distinct, groupedBy, numberOf, numbers, type Row, select } from '../../kit/rows.js';
import { list, pivot } from '../../kit/table.js';
import { CRITERION_NAMES } from '../../neurons/criteria.js';
import { PERTURBATION_NAMES, type PerturbationName, perturbationNamed } from '../../neurons/perturbations.js';
import { bars, dots, matrix } from '../chart.js';
import { claim, judge } from '../claim.js';
import type { Figure, FigureParts, FigureSource, Section, TraceNeed } from '../figure.js';
import { capitalized, percent, plural, pointsSpread, SPLIT_NAME } from '../format.js';
import { groupNameIn, type Groups } from '../groupLabels.js';
import { foldedTable, html, htmlTable } from '../html/html.js';
import { measuredTable } from '../measured.js';
import { neededTraces } from '../needs.js';
import { publishedChangeTable } from '../published.js';
import { changeRows, perNull, sharedSet } from '../rows.js';
import { rowsFigure } from '../rowsFigure.js';
import { lostImages } from './lostImages.js';

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

/** What tells a set of neurons from another of its trace. */
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
  const { participle } = perturbationNamed(String(rows[0]?.perturbation)).words;
  const split = SPLIT_NAME[rows[0]?.split as keyof typeof SPLIT_NAME];
  const sets = setsOf(rows);
  const ofGroups = sets.filter((row) => !isDifference(row));
  const differences = sets.filter(isDifference);
  const compared = perNull(differences);
  const named = SET.filter((column) => column !== 'sigma' || distinct(rows, 'sigma').length > 1);
  const settings = named.filter((column) => !facet.includes(column));
  const band = 'sameLayersAccuracy';
  const look = { groups, facet, band } as const;
  const ofOutcomes = { groups, down: named, facet: ['null'] } as const;
  const groupName = groupNameIn(groups);
  const counts = groups.map(({ index }) =>
    numberOf(
      ofGroups.find(({ group }) => group === index),
      'examples',
    ),
  );
  const sizes = groups.map(({ short }, i) => `${counts[i] ?? 0} of ${short}`);
  const note = counts.every(Number.isFinite) ? [`${split} samples: ${sizes.join(', ')}`] : [];
  return {
    verdict: changeVerdict(compared, sets, groups),
    ...openingChart(compared, participle, ofOutcomes),
    charts: [
      ...bars(rows.filter(isOwn), {
        ...look,
        name,
        title: `Change under a group’s own top-k neurons, ${participle}`,
        y: 'change',
        by: 'k',
        notes: note,
      }),
      ...matrix(ofGroups, {
        ...look,
        name: `${name}-all`,
        title: `Change of every group, neurons ${participle}`,
        down: settings,
        value: 'change',
        isOwn,
      }),
      ...COMPARED.flatMap(([x, random]) =>
        dots(compared, {
          ...ofOutcomes,
          name: `${name}-${x === 'change' ? 'nulls' : 'nulls-margin'}`,
          title: `Minority minus majority, neurons ${participle}`,
          x,
          band: random,
        }),
      ),
    ],
    tables: [
      ...pivot(
        ofGroups,
        {
          down: SET.filter((column) => distinct(ofGroups, column)[0] !== null),
          across: ['group'],
          cell: 'change',
        },
        {
          caption: `Change of ${split} accuracy in points, neurons ${participle}${rows.some((row) => typeof row.changeStd === 'number') ? ', ± standard deviation over draws' : ''}`,
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
        list(
          ofNull,
          [
            ...SET,
            ...COMPARED.flatMap(
              ([column, random]) =>
                [column, `${random}Mean`, `${random}P`, `${random}PHolm`, `${random}PDrop`] as const,
            ),
            'lossChange',
            'randomLossP',
          ],
          {
            caption: `Minority minus majority, compared with random neurons ${String(ofNull[0]?.null)}`,
            groupName,
          },
        ),
      ),
    ],
  };
}

/**
 * Returns minority minus majority under the most neurons that the first criterion chose for each minority group, against random neurons. Which
 * sets these are is fixed beforehand, unlike the largest change.
 */
function openingChart(
  compared: readonly Row[],
  participle: string,
  look: Pick<Parameters<typeof dots>[1], 'groups' | 'down' | 'facet'>,
) {
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
function changeText(row: Row): string {
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

function changeFigure(name: string, title: string, need: TraceNeed): Figure {
  const isGrid = need.isGrid === true;
  return rowsFigure({
    name,
    title,
    needs: { traces: [need] },
    rows: ({ traces, dataset }) => changeRows(neededTraces(traces, [need]), dataset.groupNames),
    parts: (rows, groups) => changeParts(name, rows, groups, isGrid ? ['criterion', 'sigma'] : ['criterion']),
    more: ({ traces, dataset }, groups, rows) => {
      const [trace] = neededTraces(traces, [need]);
      if (!trace) return html``;
      const published = publishedChangeTable(dataset, rows.filter(isOwn), groups);
      return html`${published && htmlTable(published)}
      ${isGrid ? undefined : lostImages(trace, groups, dataset.targetNames ?? [])}
      ${foldedTable(measuredTable(trace))}`;
    },
    ...(isGrid ? { isOnPage: (rows) => distinct(rows, 'sigma').length > 1 } : {}),
  });
}

const FEW = [1, 2, 3];
const zeroed: TraceNeed = { perturbation: 'zero', split: 'train', topK: FEW, compared: FEW, sigmas: [] };
const drawn = { split: 'train', topK: FEW, compared: [], sigmas: [ARTICLE_SIGMA] } as const;
const reinit: TraceNeed = { ...drawn, perturbation: 'reinit' };
const noise: TraceNeed = { ...drawn, perturbation: 'noise' };
/** The article's standard deviations, and those of the published code's comments. */
const reinits: TraceNeed = { ...reinit, sigmas: [ARTICLE_SIGMA, 0.02, 0.05, 0.1, 0.15, 0.2], isGrid: true };
const noises: TraceNeed = { ...noise, sigmas: [ARTICLE_SIGMA, 0.01, 0.02], isGrid: true };

export const fig2 = changeFigure('fig2', 'Zeroing the top neurons', zeroed);
export const fig4 = changeFigure('fig4', 'Random initialization of the top neurons', reinit);
export const fig11 = changeFigure('fig11', 'Random initialization over standard deviations', reinits);
export const fig5 = changeFigure('fig5', 'Noise on the top neurons', noise);
export const fig12 = changeFigure('fig12', 'Noise over standard deviations', noises);

/** Returns sections for traces of no figure: other perturbations than the article's, and test traces without a training trace. */
export function furtherChanges(source: FigureSource, groups: Groups): Section[] {
  const names = new Set([...PERTURBATION_NAMES, ...source.traces.map(({ perturbation }) => perturbation)]);
  return [...names].flatMap((perturbation) =>
    SPLITS.flatMap((split) => {
      const isOfFigure = ['zero', 'reinit', 'noise'].includes(perturbation);
      const hasTraining = source.traces.some(
        (trace) => trace.perturbation === perturbation && trace.split === 'train',
      );
      if (isOfFigure && (split === 'train' || hasTraining)) return [];
      const isOwn = !PERTURBATION_NAMES.some((name) => name === perturbation);
      const name = `${isOwn ? 'perturbation-' : ''}${perturbation}${split === 'train' ? '' : `-${split}`}`;
      const title = `${perturbationNamed(perturbation).words.heading}, ${SPLIT_NAME[split]} accuracy`;
      // One of a script, too: nothing makes what these sections need.
      const need = {
        perturbation: perturbation as PerturbationName,
        split,
        topK: FEW,
        compared: [],
        sigmas: [],
      };
      return changeFigure(name, title, need).show(source, groups) ?? [];
    }),
  );
}

/** A table of the article: each group under its own neurons, in the rows of its figures. */
function changeTable(
  name: string,
  title: string,
  needs: readonly TraceNeed[],
  {
    cell = 'change',
    isShown,
  }: { readonly cell?: 'change' | 'accuracy'; readonly isShown: (rows: readonly Row[]) => boolean },
): Figure {
  return rowsFigure({
    name,
    title,
    needs: { traces: needs },
    rows: ({ traces, dataset }) => changeRows(neededTraces(traces, needs), dataset.groupNames),
    isOnPage: isShown,
    // The page has these rows once, in the sections of figures.
    isRepeated: true,
    parts: (rows, groups) => {
      const own = rows.filter(isOwn);
      const groupName = groupNameIn(groups);
      const isMany = needs.length === 1;
      return {
        verdict: [],
        charts: isMany
          ? bars(own, {
              name,
              groups,
              title: 'Change under a group’s own top-k neurons',
              y: 'change',
              by: 'k',
              facet: ['criterion'],
              band: 'sameLayersAccuracy',
            })
          : [],
        tables: [
          ...pivot(
            own,
            { down: ['perturbation', 'criterion', 'k'], across: ['group', 'split'], cell },
            {
              caption: `${title}: ${cell === 'change' ? 'change in points' : 'percent'}, each group under its own neurons`,
              groupName,
              ...(cell === 'change'
                ? { ...marked(own), write: changeText }
                : { before: 'baseline', write: (row) => percent(numberOf(row, 'accuracy')) }),
            },
          ),
          // Where a group starts higher in training, it has more to lose there, whatever is perturbed.
          ...(distinct(own, 'split').length > 1 &&
          cell === 'change' &&
          own.some((row) => typeof row.baselineMargin === 'number')
            ? pivot(
                own,
                { down: ['split'], across: ['group'], cell: 'baselineMargin' },
                { caption: 'Mean margins before, in logits', groupName },
              )
            : []),
        ],
      };
    },
  });
}

const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const few = [zeroed, reinit, noise];
const both = few.flatMap((need) => [need, { ...need, split: 'test', compared: [] } as const]);
const hasBoth = (rows: readonly Row[]): boolean => distinct(rows, 'split').length > 1;

export const table3 = changeTable(
  'table3',
  'Zeroing up to ten neurons',
  [{ ...zeroed, topK: TEN, compared: [] }],
  {
    isShown: (rows) => rows.some((row) => numberOf(row, 'k') > Math.max(...FEW)),
  },
);
export const table11 = changeTable('table11', 'Changes of training accuracy', few, {
  isShown: (rows) => distinct(rows, 'perturbation').length > 1,
});
export const table13 = changeTable('table13', 'Changes of training and test accuracy', both, {
  isShown: hasBoth,
});
export const table14 = changeTable('table14', 'Training and test accuracy', both, {
  cell: 'accuracy',
  isShown: hasBoth,
});
