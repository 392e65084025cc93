import type { LayerEntry, TraceStructuredResult } from '../../../experiments/results.js';
import { mean } from '../../../metrics/statistics.js';
import { nullNamed } from '../../../neurons/nulls.js';
import type { Figure, FigureRow } from '../../figure.js';
import { fixed, MISSING, plural, points, probability, signed, SPLIT_NAME } from '../../format.js';
import { type Groups, groupsOfKind, smallestGroup, starNote } from '../../groupLabels.js';
import {
  chartBeside,
  folded,
  groupName,
  HOW,
  html,
  htmlTable,
  type Markup,
  pointsText,
} from '../../html/html.js';
import { estimateColumns, neuronColumn, randomColumns } from '../../rows.js';
import { numbers, type Table, withDetail } from '../../table.js';
import { plain } from '../../text.js';
import {
  measuredOn,
  randomSetsText,
  sameBaseline,
  sourceText,
  tracedWeights,
  traceNotes,
} from '../../traces/method.js';
import { changeOfLayer, drawsToPass, MARKED_P, nullsOf, randomText } from '../../traces/tests.js';
import { layerHeatmap } from './heatmap.js';
import {
  largestLayerChange,
  type LayerCell,
  layerCells,
  layerExtent,
  layersByCriterion,
  type LayerView,
} from './view.js';

/** The changes of each group after zeroing the neurons of one layer that were chosen for it (article, Fig. 7). */
export const fig7: Figure = {
  name: 'fig7',
  title: 'Zeroing the top neurons of each layer',
  needs: { results: ['layers'] },
  show: ({ layers: trace, result, dataset }, groups) => {
    if (!trace || trace.entries.length === 0) return undefined;
    const max = layerExtent(trace);
    const cells = layerCells(trace);
    const views = layersByCriterion(trace).map((view) => ({
      view,
      chart: { name: `fig7-${view.criterion}`, ...layerHeatmap(view, groups, max) },
    }));
    return {
      id: 'layers',
      title: 'Layers (Fig. 7)',
      verdict: layersVerdict(cells, groups, trace.nullDraws),
      charts: views.map(({ chart }) => chart),
      tables: layerTables(trace, groups),
      data: { name: 'fig7', rows: cells.map((cell) => rowOf(cell, trace, dataset.groupNames)) },
      prose: (drawn) =>
        html`<div class="charts">
            ${views.map(({ view, chart }) => chartBeside(drawn(chart), { note: findings(view, groups) }))}
          </div>
          <p class="note">
            ${smallestGroup(trace.baseline.total, groups, SPLIT_NAME[trace.split])} The charts of this section
            share their colours; those of other sections do not. Layers differ in size: k neurons are a larger
            part of a narrow layer than of a wide one.
          </p>
          ${folded(
            HOW,
            html`${method(trace)}
              <p class="note">
                ${tracedWeights(trace.checkpoint)} ${sameBaseline(trace, result)} ${cost(trace)}
              </p>`,
          )}
          ${views.map(({ view }) =>
            // Folded away: the largest model has 53 rows.
            folded(`Table of layers, criterion ${view.criterion}`, htmlTable(layerTable(view, groups))),
          )}`,
    };
  },
};

/** A terminal's tables, one for each criterion. */
export function layerTables(trace: TraceStructuredResult, groups: Groups): Table[] {
  const tables = layersByCriterion(trace).map((view) => layerTable(view, groups));
  return tables.map((table, at) =>
    at < tables.length - 1 ? table : { ...table, notes: [...starNote(groups), ...traceNotes(trace)] },
  );
}

/** The change of each group after zeroing one layer's neurons, a row a layer. */
function layerTable(view: LayerView, groups: Groups): Table {
  const columns = view.ks.flatMap((k) => groups.map((group) => ({ k, group })));
  return {
    caption: `Criterion ${view.criterion}: change of ${SPLIT_NAME[view.trace.split]} accuracy (points), with the samples that became wrong (−) and right (+)`,
    columns: numbers('Layer', ...columns.map(({ k, group }) => `${group.short}, k = ${k}`)),
    rows: view.trace.layers.map((layer) => {
      const ofLayer = view.entries.filter((entry) => entry.layer === layer);
      const cells = columns.map(({ k, group }) => {
        const entry = ofLayer.find((one) => one.k === k && one.group === group.index);
        return entry ? withDetail(points(entry.change), `(-${entry.lost} +${entry.gained})`) : MISSING;
      });
      return [{ kind: 'code', text: plain(layer) }, ...cells];
    }),
  };
}

function rowOf(
  cell: LayerCell,
  { split, baseline, baselineMargin }: TraceStructuredResult,
  groupNames: readonly string[],
): FigureRow {
  return {
    split,
    criterion: cell.criterion,
    layer: cell.layer,
    k: cell.k,
    group: cell.group,
    name: groupNames[cell.group] ?? '',
    examples: baseline.total[cell.group] ?? null,
    baseline: baseline.accuracy[cell.group] ?? null,
    baselineMargin: baselineMargin?.[cell.group] ?? null,
    ...estimateColumns('accuracy', cell.accuracy, cell.accuracyInterval),
    ...estimateColumns('change', cell.change, cell.changeInterval),
    lost: cell.lost,
    gained: cell.gained,
    ...estimateColumns('marginChange', cell.margin, cell.marginInterval),
    ...estimateColumns('lossChange', cell.loss, cell.lossInterval),
    ...randomColumns(cell.tests),
    neurons: neuronColumn(cell.neurons),
  };
}

/** Whether layers' chosen neurons matter beyond random ones, and to which groups. */
export function layersVerdict(cells: readonly LayerCell[], groups: Groups, nullDraws: number): string[] {
  const isMinority = ({ group }: LayerEntry): boolean => groups[group]?.minority === true;
  const sentences = nullsOf(cells.map(({ tests }) => tests)).map((null_) => {
    const compared = cells.flatMap((cell) => {
      const test = cell.tests[null_]?.accuracy;
      return test ? [{ cell, test }] : [];
    });
    const passed = compared.filter(({ test }) => test.pHolm <= MARKED_P && test.change < test.mean);
    const least = Math.min(...compared.map(({ test }) => (test.change < test.mean ? test.pHolm : 1)));
    const ofCells = plural(compared.length, 'cell');
    const { words } = nullNamed(null_);
    if (passed.length === 0 && nullDraws < drawsToPass(compared.length)) {
      return `Too few random neurons ${words} were tried to tell: with up to ${plural(nullDraws, 'draw')} beside each of ${ofCells}, none could pass Holm’s correction.`;
    }
    return passed.length === 0
      ? `In none of ${ofCells} are a layer’s chosen neurons shown to cost their group more than random neurons ${words} (least p after Holm’s correction ${probability(least)}).`
      : `In ${passed.length} of ${ofCells} a layer’s chosen neurons cost their group more than random neurons ${words} after Holm’s correction, ${passed.filter(({ cell }) => isMinority(cell)).length} of them in minority groups.`;
  });
  const [minority, majority] = [true, false].map((kind) =>
    cells
      .filter((cell) => isMinority(cell) === kind)
      .map(({ change }) => change)
      .filter(Number.isFinite),
  );
  if (minority?.length && majority?.length) {
    sentences.push(
      `On the mean over layers, minority groups change by ${signed(mean(minority))} and majority groups by ${signed(mean(majority))}.`,
    );
  }
  return sentences;
}

function method(trace: TraceStructuredResult): Markup {
  return html`<p>
      ${measuredOn(trace)} In each of ${plural(trace.layers.length, 'layer')}, in the model’s order, the k
      ${trace.unit === 'weight' ? 'single weights' : 'neurons'} of that layer alone with the highest score for
      a group are set to zero, and that group is evaluated again. ${sourceText(trace)} By magnitude, every
      group has the same neurons.
    </p>
    <p class="note">
      ${randomSetsText(trace, [{ name: 'cells', changes: trace.entries.map(changeOfLayer) }])}
    </p> `;
}

/** The article's contrast in words: the largest change among minority and among majority groups. */
function findings(view: LayerView, groups: Groups): Markup[] {
  return [true, false].flatMap((minority) => {
    const largest = largestLayerChange(view, groupsOfKind(groups, minority));
    const group = largest && groups[largest.group];
    if (!group) return [];
    const kind = minority ? 'minority' : 'majority';
    if (largest.change === 0) return [html`No ${kind} group’s accuracy changed. `];
    const total = view.trace.baseline.total[group.index] ?? 0;
    return [
      html`Largest change of a ${kind} group: ${pointsText(largest.change)} points for ${groupName(group)} in
        <code>${plain(largest.layer)}</code> at k = ${largest.k}: of ${plural(total, 'sample')},
        ${largest.lost} became wrong and ${largest.gained} became right${randomText(changeOfLayer(largest))}. `,
    ];
  });
}

function cost({ cost: { runForwards, naiveForwards, ratio } }: TraceStructuredResult): string {
  return (
    `Cost: ${Math.round(runForwards)} forward passes of one image, against ${Math.round(naiveForwards)} for evaluating ` +
    `every variant alone on the whole split (ratio ${fixed(ratio, 3)}).`
  );
}
