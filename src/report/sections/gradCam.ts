import type { CoreRegion } from '../../data/coreRegion.js';
import type { GradCamResult, MappedModel } from '../../experiments/gradCamResult.js';
import type { Overlay, OverlayRow } from '../charts/heatOverlays.js';
import { fixed, percentText, SPLIT_NAME } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { groupName, htmlTable } from '../html/table.js';
import type { SampleImage } from '../../data/dataDescription.js';
import { heatTable } from '../tables/heat.js';
import { plain } from '../text.js';
import { gradCamVerdict } from '../verdicts/gradCam.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { figureData } from './parts.js';

/** Where each group's images speak for an output, and how much of that lies in the core region (article, Fig. 10). */
export const gradCamSection: MakeSection = async (report, groups, _charts, figures) => {
  const { gradCam } = report;
  if (!gradCam) return undefined;
  // Loaded where it is needed: drawing takes libraries that a command's help does without.
  const { drawOverlays, heatColor, OPACITY } = await import('../charts/heatOverlays.js');
  const rows = await drawOverlays(gradCam.examples);
  const scale = [0, 0.25, 0.5, 0.75, 1].map((heat) => heatColor(heat)).join(', ');
  return {
    id: 'grad-cam',
    title: 'Grad-CAM (Fig. 10)',
    verdict: gradCamVerdict(gradCam, groups),
    data: figureData(figures, report),
    body: html`${method(gradCam)}
    ${gradCam.coreRegion ? shares(gradCam, gradCam.coreRegion, groups) : noShares()}
    ${rows.length > 0 ? examples(gradCam, groups, { rows, scale, opacity: OPACITY }) : undefined}
    ${checkpoints(gradCam)}`,
  };
};

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
function shares(gradCam: GradCamResult, region: CoreRegion, groups: readonly GroupLabel[]): Markup {
  const { before } = gradCam;
  return html`${htmlTable(heatTable(gradCam, groups))}
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

/** What the examples' overlays look like: the colours from no heat to the highest, and their weight over the image. */
interface DrawnExamples {
  readonly rows: readonly OverlayRow[];
  readonly scale: string;
  readonly opacity: number;
}

function examples(
  { before }: GradCamResult,
  groups: readonly GroupLabel[],
  { rows, scale, opacity }: DrawnExamples,
): Markup {
  return html`<h3>Heat over images</h3>
    <p class="note">
      The first images of each group that were drawn. The heat lies over them at ${fixed(100 * opacity, 0)} %,
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
