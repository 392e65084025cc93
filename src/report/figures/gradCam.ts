import type { CoreRegion } from '../../data/coreRegion.js';
import type {
  ExampleHeat,
  GradCamResult,
  GroupHeat,
  HeatExample,
  MappedModel,
  MeanShare,
} from '../../experiments/gradCamResult.js';
import { gradCam } from '../../experiments/traces.js';
import { type CsvRow, numberOf, type Row } from '../../kit/rows.js';
import { type GroupLabel, list } from '../../kit/table.js';
import { type FigureParts, resultOf } from '../figure.js';
import { fixed, percentText, plural, range, sideOf, signed, SPLIT_NAME } from '../format.js';
import { groupNameIn, type Groups } from '../groupLabels.js';
import { heatFilter, hidden, svgImage } from '../html/heat.js';
import { groupName, html, type Markup } from '../html/html.js';
import { estimateColumns } from '../rows.js';
import { rowsFigure } from '../rowsFigure.js';
import { plain } from '../text.js';

/** The opacity of heat over images. */
const OPACITY = 0.6;

/** Where each group's images speak for an output, and how much of that lies in the core region (article, Fig. 10). */
export const fig10 = rowsFigure({
  name: 'fig10',
  title: 'Grad-CAM',
  needs: { others: [gradCam] },
  rows: (source) => {
    const maps = resultOf(source, gradCam);
    return maps ? heatRows(maps, source.dataset.groupNames) : [];
  },
  parts: heatParts,
  more: async (source, groups) => {
    const maps = resultOf(source, gradCam);
    return maps
      ? html`${method(maps)}
          <p class="note">${regionText(maps.coreRegion)}</p>
          ${await examples(maps, groups)}`
      : html``;
  },
});

/** A row for each group: its share of the heat before and after, and their difference. */
export function heatRows(
  { split, layer, output, groups, before, after }: GradCamResult,
  groupNames: readonly string[],
): CsvRow[] {
  return groups.map((group) => ({
    split,
    layer,
    output,
    group: group.group,
    name: groupNames[group.group] ?? '',
    images: group.images,
    core: group.core,
    ...(before ? { before: before.run, ...heatColumns('before', group.before) } : {}),
    after: after.run,
    ...heatColumns('after', group.after),
    ...(before ? meanColumns('difference', group.difference) : {}),
  }));
}

function heatColumns(when: 'before' | 'after', heat: GroupHeat | null): CsvRow {
  return { ...meanColumns(`${when}Share`, heat?.share ?? null), [`${when}Blank`]: heat?.blank ?? null };
}

function meanColumns(name: string, share: MeanShare | null): CsvRow {
  return { ...estimateColumns(name, share?.mean, share?.interval), [`${name}Images`]: share?.images ?? null };
}

/** The share of the heat in the core region by group, of one run or of two, and what it shows. */
export function heatParts(rows: readonly Row[], groups: Groups): FigureParts {
  return {
    verdict: heatVerdict(rows, groups),
    charts: [],
    tables: list(
      rows,
      ['group', 'images', 'core', 'beforeShare', 'afterShare', 'difference', 'beforeBlank', 'afterBlank'],
      {
        caption:
          'Share of the heat in the core region in percent: mean over images, with its 95 % interval by Student’s t',
        groupName: groupNameIn(groups),
        notes: ['without heat: images in which nothing speaks for the output; they have no share'],
      },
    ),
  };
}

/** Whether the heat lies on the core more after than before, or of one run more than area alone gives. */
function heatVerdict(rows: readonly Row[], groups: Groups): string[] {
  const isCompared = rows.some((row) => row.before !== undefined);
  const measure = isCompared ? 'difference' : 'afterShare';
  const told = rows.flatMap((row) => {
    const [value = 0, low = 0, high = 0] = ['', 'Low', 'High'].map(
      (end) => numberOf(row, `${measure}${end}`) - (isCompared ? 0 : numberOf(row, 'core')),
    );
    const label = groups[Number(row.group)];
    const interval = [low, high] as const;
    return label && Number.isFinite(low) ? [{ label, value, interval, side: sideOf({ interval }) }] : [];
  });
  if (told.length === 0) return [];
  const on = isCompared ? 'rises from before to after' : 'is larger than the core’s share of the image';
  const count = (side: 'above' | 'below'): number => told.filter((one) => one.side === side).length;
  return [
    `The core’s share of the heat ${on} in ${count('above')} of ${plural(told.length, 'group')} beyond its 95 % interval, and ${isCompared ? 'falls' : 'is smaller'} in ${count('below')}.`,
    `${told.map(({ label, value, interval }) => `${label.short}: ${signed(value)} (${range(interval)})`).join('; ')}.`,
  ];
}

function method({
  layer,
  cells,
  output,
  outputName,
  split,
  samplesPerGroup,
  seed,
  before,
  after,
}: GradCamResult): Markup {
  const model = ({ run, arch, checkpoint }: MappedModel): string =>
    `${plain(run)} (${arch}, sha256 ${checkpoint.slice(0, 12)})`;
  return html`<p class="note">
    Heat maps of <code>${plain(layer)}</code> for output ${output} (${plain(outputName)}): where in an image
    the layer’s features speak for that output, whatever the image’s class. At most ${samplesPerGroup}
    ${SPLIT_NAME[split]} images of each group, drawn by seed ${seed}. The layer has ${cells[0]} x ${cells[1]}
    cells, which are enlarged to the image: heat near the edge of a region blurs over it by half a cell.
    ${before ? `Before: ${model(before)}; after, on the same images: ${model(after)}.` : `Mapped: ${model(after)}.`}
  </p> `;
}

function regionText(region: CoreRegion | null): string {
  if (region === null) {
    return 'The dataset does not say where its images show what their class is about (coreRegion in dataset.json), so no share of the heat is given.';
  }
  if (typeof region === 'string') return `The core region of an image is what its mask in ${region}/ shows.`;
  const [top, left, height, width] = region;
  const part = (start: number, length: number): string =>
    `${fixed(100 * start, 0)} to ${fixed(100 * (start + length), 0)} %`;
  return `The core region of this dataset is ${part(top, height)} of an image’s height, from the top, and ${part(left, width)} of its width: ${fixed(100 * height * width, 0)} % of the image. A model that looks nowhere in particular has that share of its heat there.`;
}

async function examples(
  { before, coreRegion, examples: maps }: GradCamResult,
  groups: Groups,
): Promise<Markup | undefined> {
  if (maps.length === 0) return undefined;
  return html`<h3>Heat over images</h3>
    <p class="note">
      The first images of each group that were drawn. The heat lies over them at ${fixed(100 * OPACITY, 0)} %,
      each map scaled to its own highest value: from black, 0, over red to yellow.
    </p>
    ${hidden(await heatFilter('grad-cam', { everywhere: OPACITY }))}
    <div class="overlays">
      ${groups.map((group) => {
        const own = maps.filter((one) => one.group === group.index);
        return own.length > 0
          ? overlayTable(group, own, before !== null, coreRegion === null ? '' : 'no heat')
          : undefined;
      })}
    </div> `;
}

/** A line per image: the image, and the heat over it. */
function overlayTable(
  group: GroupLabel,
  maps: readonly HeatExample[],
  isCompared: boolean,
  blank: string,
): Markup {
  const headings = isCompared ? ['image', 'before', 'after'] : ['image', 'heat'];
  return html`<table>
    <caption>
      ${groupName(group)}
    </caption>
    <thead>
      <tr>
        ${headings.map((heading) => html`<th scope="col">${heading}</th> `)}
      </tr>
    </thead>
    <tbody>
      ${maps.map((example, at) => {
        const name = `image ${at + 1} of group ${group.full}`;
        return html`<tr>
          <td>${overlay(example, undefined, name, blank)}</td>
          ${isCompared ? html`<td>${overlay(example, example.before, `heat before over ${name}`, blank)}</td> ` : undefined}
          <td>${overlay(example, example.after, `heat${isCompared ? ' after' : ''} over ${name}`, blank)}</td>
        </tr> `;
      })}
    </tbody>
  </table> `;
}

function overlay(
  { image }: HeatExample,
  heat: ExampleHeat | null | undefined,
  alt: string,
  blank: string,
): Markup {
  const { width, height } = pngSize(image);
  const share = heat && (heat.share === null ? blank : percentText(heat.share));
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${alt}">
      ${svgImage({ dataUri: image, width, height }, 'data')}
      ${heat ? svgImage({ dataUri: heat.heat, width, height }, 'heat', html`filter="url(#grad-cam)"`) : undefined}
    </svg>
    ${share ? html`<small>${share}</small>` : undefined}`;
}

/** The size of a PNG, from its header. */
function pngSize(dataUri: string): { readonly width: number; readonly height: number } {
  const header = Buffer.from(dataUri.slice(dataUri.indexOf(',') + 1, 64), 'base64');
  return header.length < 24
    ? { width: 1, height: 1 }
    : { width: header.readUInt32BE(16), height: header.readUInt32BE(20) };
}
