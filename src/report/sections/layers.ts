import type { LayerEntry, TraceStructuredResult } from '../../experiments/results.js';
import { layerCharts } from '../charts/layerHeatmap.js';
import { fixed, plural, SPLIT_NAME } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { groupName, htmlTable } from '../html/table.js';
import { layerTable } from '../tables/layers.js';
import { plain } from '../text.js';
import { layersVerdict } from '../verdicts/layers.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { largestLayerChange, type LayerTrace } from '../views/layers.js';
import { changeOfLayer } from '../views/measuredChange.js';
import { controlsText, sourceText } from './method.js';
import {
  chartFigure,
  figureData,
  folded,
  HOW,
  pointsText,
  randomText,
  sameBaseline,
  smallestGroup,
} from './parts.js';

/** What zeroing the chosen neurons of one layer did to the group that they were chosen for (article, Fig. 7). */
export const layerSection: MakeSection = (report, groups, charts, figures) => {
  const { layers: trace, result } = report;
  if (!trace || trace.entries.length === 0) return undefined;
  const drawn = layerCharts(trace, groups).map(({ view, name }) => ({ view, chart: charts.get(name) }));
  return {
    id: 'layers',
    title: 'Layers (Fig. 7)',
    verdict: layersVerdict(trace, groups),
    data: figureData(figures, report),
    body: html`<div class="charts">
        ${drawn.map(
          ({ view, chart }) =>
            html`<div style="width:${Math.ceil(chart?.width ?? 0)}px">
              ${chartFigure(chart)}
              <p class="note">${findings(view, groups)}</p>
            </div> `,
        )}
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
            Traced weights: sha256 <code>${trace.checkpoint.slice(0, 12)}</code>.
            ${sameBaseline(trace, result)} ${cost(trace)}
          </p>`,
      )}
      ${drawn.map(({ view }) => numbers(view, groups))}`,
  };
};

function method(trace: TraceStructuredResult): Markup {
  const { split, layers } = trace;
  const measured =
    split === 'train'
      ? 'All accuracies here are training accuracies.'
      : `All accuracies here are ${SPLIT_NAME[split]} accuracies; Part I of the article uses training accuracies.`;
  return html`<p>
      ${measured} In each of ${plural(layers.length, 'layer')}, in the model’s order, the k
      ${trace.unit === 'weight' ? 'single weights' : 'neurons'} of that layer alone with the highest score for
      a group are set to zero, and that group is evaluated again. ${sourceText(trace)} By magnitude, every
      group has the same neurons.
    </p>
    <p class="note">
      ${controlsText(trace.controls, [{ name: 'cells', changes: trace.entries.map(changeOfLayer) }])}
    </p> `;
}

/** The article's contrast in words: the largest change among minority and among majority groups. */
function findings(view: LayerTrace, groups: readonly GroupLabel[]): Markup[] {
  return [true, false].flatMap((minority) => {
    const largest = largestLayerChange(
      view,
      groups.filter((group) => group.minority === minority).map(({ index }) => index),
    );
    const group = largest && groups[largest.group];
    if (!group) return [];
    const kind = minority ? 'minority' : 'majority';
    if (largest.change === 0) return [html`No ${kind} group’s accuracy changed. `];
    const total = view.trace.baseline.total[group.index] ?? 0;
    return [
      html`Largest change of a ${kind} group: ${pointsText(largest.change)} points for ${groupName(group)} in
        <code>${plain(largest.layer)}</code> at k = ${largest.k}: of ${plural(total, 'sample')},
        ${flips(largest)}${randomText(changeOfLayer(largest))}. `,
    ];
  });
}

/** `5 became wrong and 1 became right`. */
function flips({ lost, gained }: LayerEntry): string {
  return `${lost} became wrong and ${gained} became right`;
}

function cost({ cost: { runForwards, naiveForwards, ratio } }: TraceStructuredResult): string {
  return (
    `Cost: ${Math.round(runForwards)} forward passes of one image, against ${Math.round(naiveForwards)} for evaluating ` +
    `every variant alone on the whole split (ratio ${fixed(ratio, 3)}).`
  );
}

/** The numbers behind one chart, folded away: the largest model has 53 rows. */
function numbers(view: LayerTrace, groups: readonly GroupLabel[]): Markup {
  return folded(`Table of layers, criterion ${view.criterion}`, htmlTable(layerTable(view, groups)));
}
