import type { CoreRegion } from '../../../data/coreRegion.js';
import type {
  GradCamResult,
  GroupComparison,
  GroupHeat,
  MappedModel,
  MeanShare,
} from '../../../experiments/gradCamResult.js';
import type { Figure, FigureRow } from '../../figure.js';
import {
  fixed,
  MISSING,
  percentRange,
  percentText,
  plural,
  points,
  pointsRange,
  range,
  sideOf,
  signed,
  SPLIT_NAME,
} from '../../format.js';
import { type GroupLabel, type Groups, starNote } from '../../groupLabels.js';
import { groupName, html, htmlTable, type Markup, picture } from '../../html/html.js';
import { estimateColumns } from '../../rows.js';
import { type Cell, groupCell, numbers, type Table, withDetail } from '../../table.js';
import { plain } from '../../text.js';
import type { OverlayRow } from './overlays.js';

/** Where each group's images speak for an output, and how much of that lies in the core region (article, Fig. 10). */
export const fig10: Figure = {
  name: 'fig10',
  title: 'Grad-CAM',
  needs: { results: ['gradCam'] },
  show: ({ gradCam, dataset }, groups) => {
    if (!gradCam) return undefined;
    const table = heatTable(gradCam, groups);
    return {
      id: 'grad-cam',
      title: 'Grad-CAM (Fig. 10)',
      verdict: gradCamVerdict(gradCam, groups),
      tables: [table],
      data: { name: 'fig10', rows: heatRows(gradCam, dataset.groupNames) },
      prose: async () =>
        html`${method(gradCam)}
        ${gradCam.coreRegion ? shares(gradCam, gradCam.coreRegion, table) : noShares()}
        ${await examples(gradCam, groups)} ${checkpoints(gradCam)}`,
    };
  },
};

/** A row for each group: its share of the heat before and after, and their difference. */
function heatRows(
  { split, layer, output, groups, before, after }: GradCamResult,
  groupNames: readonly string[],
): FigureRow[] {
  return groups.map((group) => ({
    split,
    layer,
    output,
    group: group.group,
    name: groupNames[group.group] ?? '',
    images: group.images,
    ...(before ? { before: before.run, ...heatColumns('before', group.before) } : {}),
    after: after.run,
    ...heatColumns('after', group.after),
    ...(before ? meanColumns('difference', group.difference) : {}),
  }));
}

function heatColumns(when: 'before' | 'after', heat: GroupHeat | null): FigureRow {
  return { ...meanColumns(`${when}Share`, heat?.share ?? null), [`${when}Blank`]: heat?.blank ?? null };
}

function meanColumns(name: string, share: MeanShare | null): FigureRow {
  return { ...estimateColumns(name, share?.mean, share?.interval), [`${name}Images`]: share?.images ?? null };
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
  return html`<p>
    Heat maps of <code>${plain(layer)}</code> for output ${output} (${plain(outputName)}): where in an image
    the layer’s features speak for that output, whatever the image’s class. At most ${samplesPerGroup}
    ${SPLIT_NAME[split]} images of each group, drawn by seed
    ${seed}${before ? html`, the same for both models: before is the run <code>${plain(before.run)}</code>, after the run <code>${plain(after.run)}</code>` : undefined}.
    The layer has ${cells[0]} x ${cells[1]} cells, which are enlarged to the image: heat near the edge of a
    region blurs over it by half a cell.
  </p> `;
}

/** The number for the figure: how much of the heat lies on the core of the images. */
function shares({ before }: GradCamResult, region: CoreRegion, table: Table): Markup {
  return html`${htmlTable(table)}
    <p class="note">
      ${regionText(region)} A model that looks nowhere in particular has that share of its heat there. An
      image’s share is the sum of its map in the region divided by the sum of the whole map. Maps that are 0
      everywhere have none: nothing in the image speaks for the output.
      ${before ? 'The difference is that of the same images, where both maps have heat.' : ''}
    </p>`;
}

function noShares(): Markup {
  return html`<p class="note">
    The dataset does not say where its images show what their class is about (<code>coreRegion</code> in
    <code>dataset.json</code>), so no share of the heat is given.
  </p> `;
}

function regionText(region: CoreRegion): string {
  if (typeof region === 'string') {
    return `The core region of an image is what its mask in ${region}/ shows; its share of the image stands in the table.`;
  }
  const [top, left, height, width] = region;
  const range = (start: number, length: number): string =>
    `${fixed(100 * start, 0)} to ${fixed(100 * (start + length), 0)} %`;
  return (
    `The core region of this dataset is ${range(top, height)} of an image’s height, from the top, and ` +
    `${range(left, width)} of its width: ${fixed(100 * height * width, 0)} % of the image.`
  );
}

async function examples(
  { before, examples: maps }: GradCamResult,
  groups: Groups,
): Promise<Markup | undefined> {
  if (maps.length === 0) return undefined;
  // Loaded where it is needed: drawing takes libraries that a command's help does without.
  const { drawOverlays, heatColor, OPACITY } = await import('./overlays.js');
  const rows = await drawOverlays(maps);
  const scale = [0, 0.25, 0.5, 0.75, 1].map((heat) => heatColor(heat)).join(', ');
  return html`<h3>Heat over images</h3>
    <p class="note">
      The first images of each group that were drawn. The heat lies over them at ${fixed(100 * OPACITY, 0)} %,
      each map scaled to its own highest value:
      <span class="scale">0 <span style="background: linear-gradient(90deg, ${scale})"></span> highest</span>
    </p>
    <div class="overlays">
      ${groups.map((group) => {
        const ofGroup = rows.filter((row) => row.group === group.index);
        return ofGroup.length > 0 ? overlayTable(group, ofGroup, before) : undefined;
      })}
    </div> `;
}

/** One row an image: the image, and the heat over it. */
function overlayTable(group: GroupLabel, rows: readonly OverlayRow[], before: MappedModel | null): Markup {
  return html`<table>
    <caption>
      ${groupName(group)}
    </caption>
    <thead>
      <tr>
        <th scope="col">image</th>
        ${before ? html`<th scope="col">before</th> ` : undefined}
        <th scope="col">${before ? 'after' : 'heat'}</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map((row, at) => {
        const name = `image ${at + 1} of group ${group.full}`;
        return html`<tr>
          <td>${picture(row.image, name)}</td>
          ${row.before ? html`<td>${overlayCell(row.before, `heat before over ${name}`)}</td> ` : undefined}
          <td>${overlayCell(row.after, `heat${before ? ' after' : ''} over ${name}`)}</td>
        </tr> `;
      })}
    </tbody>
  </table> `;
}

function overlayCell(overlay: OverlayRow['after'], alt: string): Markup {
  const text = overlay.blank ? 'no heat' : overlay.share === null ? undefined : percentText(overlay.share);
  return html`${picture(overlay, alt)}${text === undefined ? undefined : html`<small>${text}</small>`}`;
}

function checkpoints({ before, after }: GradCamResult): Markup {
  const weights = ({ run, arch, checkpoint }: MappedModel): Markup =>
    html`<code>${plain(run)}</code> (${arch}), sha256 <code>${checkpoint.slice(0, 12)}</code>`;
  return html`<p class="note">
    Mapped weights: ${before ? html`${weights(before)}, and ` : undefined}${weights(after)}.
  </p> `;
}

/** The share of the heat in the core region, a row a group: of one run, or of two with the difference (article, Fig. 10). */
export function heatTable(gradCam: GradCamResult, groups: Groups): Table {
  const { before, after, coreRegion, layer, cells, output, outputName, split } = gradCam;
  const models = before ? (['before', 'after'] as const) : (['after'] as const);
  const known = gradCam.groups.some(({ core }) => core !== null);
  return {
    caption: 'Share of the heat in the core region: mean over images, with its 95 % interval by Student’s t',
    columns: numbers(
      'Group',
      'images',
      ...(known ? ['region'] : []),
      ...models.map((name) => (before ? name : 'share')),
      ...(before ? ['after − before, points'] : []),
      before ? 'without heat, before and after' : 'without heat',
    ),
    rows: gradCam.groups.flatMap((comparison) => {
      const label = groups[comparison.group];
      if (!label) return [];
      const blank = [comparison.before, comparison.after].flatMap((heat) => heat?.blank ?? []);
      return [
        [
          groupCell(label),
          String(comparison.images),
          ...(known ? [percentText(comparison.core)] : []),
          ...models.map((name) => meanCell(comparison[name]?.share)),
          ...(before ? [meanCell(comparison.difference, points, pointsRange)] : []),
          blank.join(' and '),
        ],
      ];
    }),
    notes: [
      before ? `before: ${before.run}, after: ${after.run}` : `run: ${after.run}`,
      coreRegion
        ? 'region: its share of the image, which is that of a model that looks nowhere in particular'
        : 'no shares: the dataset has no coreRegion',
      `Grad-CAM of ${layer} (${cells.join(' x ')} cells) for output ${output} (${outputName}), ${SPLIT_NAME[split]} images; ` +
        'without heat: images in which nothing speaks for the output',
      ...starNote(groups),
    ],
  };
}

function meanCell(
  share: MeanShare | null | undefined,
  write = percentText,
  writeInterval = percentRange,
): Cell {
  return share ? withDetail(write(share.mean), writeInterval(share.interval)) : MISSING;
}

/** Whether the heat lies on the core more than area alone gives, or after more than before (article, Fig. 10). */
export function gradCamVerdict(
  { before, groups: compared, coreRegion }: GradCamResult,
  groups: Groups,
): string[] {
  if (!coreRegion) return [];
  const told = compared.flatMap((comparison) => {
    const difference = before ? beforeAfter(comparison) : beyondArea(comparison);
    const label = groups[comparison.group];
    return difference && label ? [{ label, ...difference, side: sideOf(difference) }] : [];
  });
  if (told.length === 0) return [];
  const on = before ? 'rises from before to after' : 'is larger than the core’s share of the image';
  const off = before ? 'falls' : 'is smaller';
  const count = (side: 'above' | 'below'): number => told.filter((one) => one.side === side).length;
  return [
    `The core’s share of the heat ${on} in ${count('above')} of ${plural(told.length, 'group')} beyond its 95 % interval, and ${off} in ${count('below')}.`,
    told
      .map(({ label, value, interval }) => `${label.short}: ${signed(value)} (${range(interval)})`)
      .join('; ') + '.',
  ];
}

function beforeAfter({ difference }: GroupComparison) {
  return difference?.interval ? { value: difference.mean, interval: difference.interval } : undefined;
}

function beyondArea({ after: { share }, core }: GroupComparison) {
  if (!share?.interval || typeof core !== 'number') return undefined;
  const [low, high] = share.interval;
  return { value: share.mean - core, interval: [low - core, high - core] as const };
}
