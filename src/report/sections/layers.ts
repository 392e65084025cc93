import type { LayerEntry, TraceStructuredResult } from '../../experiments/results.js';
import type { Figures } from '../figures.js';
import { fixed, plural, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { largestLayerChange, type LayerTrace } from '../layers.js';
import { html, type Markup } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { table } from '../table.js';
import { plain } from '../text.js';
import { changeOfLayer } from '../measuredChange.js';
import { controlsText, sourceText } from './method.js';
import { chartFigure, groupName, pointsText, randomText, sameBaseline, smallestGroup } from './parts.js';

/** What zeroing the chosen neurons of one layer did to the group that they were chosen for (article, Fig. 7). */
export function layerSection(
  report: RunReport,
  groups: readonly GroupLabel[],
  { fig7 }: Figures,
): Section | undefined {
  const trace = fig7[0]?.view.trace;
  if (!trace) return undefined;
  return {
    id: 'layers',
    title: 'Layers (Fig. 7)',
    body: html`${method(trace)}
      <div class="charts">
        ${fig7.map(
          ({ view, chart }) =>
            html`<div style="width:${Math.ceil(chart.width)}px">
              ${chartFigure(chart)}
              <p class="note">${findings(view, groups)}</p>
            </div> `,
        )}
      </div>
      <p class="note">
        ${smallestGroup(trace.baseline.total, groups, SPLIT_NAME[trace.split])} The charts of this section
        share their colours; those of other sections do not. Layers differ in size: k neurons are a larger
        part of a narrow layer than of a wide one. ${cost(trace)}
      </p>
      <p class="note">
        Traced weights: sha256 <code>${trace.checkpoint.slice(0, 12)}</code>.
        ${sameBaseline(trace, report.result)}
      </p>
      ${fig7.map(({ view }) => numbers(view, groups))}`,
  };
}

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
  const columns = view.ks.flatMap((k) => groups.map((group) => ({ k, group })));
  const entries = new Map(view.entries.map((entry) => [key(entry), entry]));
  return html`<details>
    <summary>Table of layers, criterion ${view.criterion}</summary>
    ${table(
      `Criterion ${view.criterion}: change of ${SPLIT_NAME[view.trace.split]} accuracy (points), with the samples that became wrong (−) and right (+)`,
      [{ name: 'Layer' }, ...columns.map(({ k, group }) => ({ name: `${group.short}, k = ${k}` }))],
      view.trace.layers.map((layer) => ({
        heading: html`<code>${plain(layer)}</code>`,
        cells: columns.map(({ k, group }) => {
          const entry = entries.get(key({ layer, group: group.index, k }));
          return entry
            ? html`${pointsText(entry.change)} <small>(−${entry.lost} +${entry.gained})</small>`
            : pointsText(undefined);
        }),
      })),
    )}
  </details> `;
}

function key({ layer, group, k }: Pick<LayerEntry, 'layer' | 'group' | 'k'>): string {
  return JSON.stringify([layer, group, k]);
}
