import type { CoreRegion } from '../../data/coreRegion.js';
import type {
  GradCamResult,
  GroupComparison,
  GroupHeat,
  MappedModel,
  MeanShare,
} from '../../experiments/gradCamResult.js';
import type { Figures } from '../figures.js';
import { fixed, MISSING, percentRange, pointsRange, SPLIT_NAME, typographic } from '../format.js';
import type { GroupLabel } from '../groups.js';
import { heatColor, OPACITY, type Overlay, type OverlayRow } from '../heatOverlays.js';
import { html, type Markup } from '../markup.js';
import type { SampleImage } from '../../data/dataDescription.js';
import type { RunReport } from '../reportData.js';
import { table } from '../table.js';
import { plain } from '../text.js';
import { groupName, percentText, pointsText } from './parts.js';
import type { Section } from './section.js';

/** Where each group's images speak for an output, and how much of that lies in the core region (article, Fig. 10). */
export function gradCamSection(
  { gradCam }: RunReport,
  groups: readonly GroupLabel[],
  { fig10 }: Figures,
): Section | undefined {
  if (!gradCam) return undefined;
  return {
    id: 'grad-cam',
    title: 'Grad-CAM (Fig. 10)',
    body: html`${method(gradCam)}
    ${gradCam.coreRegion ? shares(gradCam, gradCam.coreRegion, groups) : noShares()}
    ${fig10.length > 0 ? examples(gradCam, groups, fig10) : undefined} ${checkpoints(gradCam)}`,
  };
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
function shares(
  { before, groups: comparisons }: GradCamResult,
  region: CoreRegion,
  groups: readonly GroupLabel[],
): Markup {
  const models = before ? (['before', 'after'] as const) : (['after'] as const);
  return html`${table(
      'Share of the heat in the core region: mean over images, with its 95 % bootstrap interval over them',
      [
        { name: 'Group' },
        { name: 'images' },
        ...models.map((name) => ({ name: before ? name : 'share' })),
        ...(before ? [{ name: 'after − before, points' }] : []),
        { name: before ? 'without heat, before and after' : 'without heat' },
      ],
      comparisons.flatMap((comparison) => {
        const label = groups[comparison.group];
        if (!label) return [];
        return [
          {
            heading: groupName(label),
            cells: [
              String(comparison.images),
              ...models.map((name) => shareCell(comparison[name])),
              ...(before ? [differenceCell(comparison.difference)] : []),
              blanks(comparison),
            ],
          },
        ];
      }),
    )}
    <p class="note">
      ${regionText(region)} A model that looks nowhere in particular has that share there. An image’s share is
      the sum of its map in the region divided by the sum of the whole map. Maps that are 0 everywhere have
      none: nothing in the image speaks for the output.
      ${before ? 'The difference is that of the same images, where both maps have heat.' : ''}
    </p>`;
}

function noShares(): Markup {
  return html`<p class="note">
    The dataset does not say where its images show what their class is about (<code>coreRegion</code> in
    <code>dataset.json</code>), so no share of the heat is given.
  </p> `;
}

function regionText([top, left, height, width]: CoreRegion): string {
  const range = (start: number, length: number): string =>
    `${fixed(100 * start, 0)} to ${fixed(100 * (start + length), 0)} %`;
  return (
    `The core region of this dataset is ${range(top, height)} of an image’s height, from the top, and ` +
    `${range(left, width)} of its width: ${fixed(100 * height * width, 0)} % of the image.`
  );
}

function shareCell(heat: GroupHeat | null): Markup | string {
  if (!heat?.share) return MISSING;
  return html`${percentText(heat.share.mean)} <small>${percentRange(heat.share.interval)}</small>`;
}

function differenceCell(difference: MeanShare | null): Markup | string {
  if (!difference) return MISSING;
  return html`${pointsText(difference.mean)} <small>${typographic(pointsRange(difference.interval))}</small>`;
}

function blanks({ before, after }: GroupComparison): string {
  return before ? `${before.blank} and ${after.blank}` : String(after.blank);
}

function examples(
  { before }: GradCamResult,
  groups: readonly GroupLabel[],
  rows: readonly OverlayRow[],
): Markup {
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

function overlayCell(overlay: Overlay, alt: string): Markup {
  const text = overlay.blank ? 'no heat' : overlay.share === null ? undefined : percentText(overlay.share);
  return html`${picture(overlay, alt)}${text === undefined ? undefined : html`<small>${text}</small>`}`;
}

function picture({ dataUri, width, height }: SampleImage, alt: string): Markup {
  return html`<img src="${dataUri}" width="${width}" height="${height}" alt="${alt}" />`;
}

function checkpoints({ before, after }: GradCamResult): Markup {
  const weights = ({ run, arch, checkpoint }: MappedModel): Markup =>
    html`<code>${plain(run)}</code> (${arch}), sha256 <code>${checkpoint.slice(0, 12)}</code>`;
  return html`<p class="note">
    Mapped weights: ${before ? html`${weights(before)}, and ` : undefined}${weights(after)}.
  </p> `;
}
