import { SPLITS } from '../../data/split.js';
import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import { distinct, numberOf, type Row } from '../../kit/rows.js';
import { pivot, type Table } from '../../kit/table.js';
import { PERTURBATION_NAMES, type PerturbationName, perturbationNamed } from '../../neurons/perturbations.js';
import { changeParts, changeText, isOwn, marked } from '../changes.js';
import { bars } from '../chart.js';
import type { Figure, FigureSource, Section, TraceNeed } from '../figure.js';
import { percent, SPLIT_NAME } from '../format.js';
import { groupNameIn, type Groups } from '../groupLabels.js';
import { foldedTable, html, htmlTable } from '../html/html.js';
import { measuredTable } from '../measured.js';
import { neededTraces } from '../needs.js';
import { publishedChangeTable } from '../published.js';
import { changeRows } from '../rows.js';
import { rowsFigure } from '../rowsFigure.js';
import { lostImages } from './lostImages.js';
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
          ...(cell === 'change' ? marginsBefore(own, groups) : []),
        ],
      };
    },
  });
}

/** A table of the margins of two splits: where a group starts higher, it has more to lose, whatever is perturbed. */
function marginsBefore(rows: readonly Row[], groups: Groups): Table[] {
  if (!hasBoth(rows) || !rows.some((row) => typeof row.baselineMargin === 'number')) return [];
  return pivot(
    rows,
    { down: ['split'], across: ['group'], cell: 'baselineMargin' },
    { caption: 'Mean margins before, in logits', groupName: groupNameIn(groups) },
  );
}

const ten: TraceNeed[] = [{ ...zeroed, topK: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], compared: [] }];
const few = [zeroed, reinit, noise];
const both = few.flatMap((need) => [need, { ...need, split: 'test', compared: [] } as const]);
const hasBoth = (rows: readonly Row[]): boolean => distinct(rows, 'split').length > 1;

export const table3 = changeTable('table3', 'Zeroing up to ten neurons', ten, {
  isShown: (rows) => rows.some((row) => numberOf(row, 'k') > Math.max(...FEW)),
});
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
