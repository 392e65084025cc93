import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { groupName, htmlTable } from '../html/table.js';
import type { SampleImage } from '../../data/dataDescription.js';
import { countTable } from '../tables/counts.js';
import { dataVerdict } from '../verdicts/data.js';
import type { GroupLabel } from '../views/groupLabels.js';

/** Below this width or height in pixels, enlarging an image shows its pixels instead of a blur. */
export const SMALL = 96;

/** Group sizes, and sample images of each group where the caller gave some. */
export const dataSection: MakeSection = ({ dataset }, groups) => {
  const samples = (dataset.samples ?? []).filter(({ images }) => images.length > 0);
  const strips = samples.map(({ group, images }) => {
    const label = groups[group];
    return label ? strip(label, images) : undefined;
  });
  return {
    id: 'data',
    title: 'Data',
    verdict: dataVerdict(dataset, groups),
    body: html`${htmlTable(countTable(dataset))}${
      samples.length > 0
        ? html`<h3>Sample images</h3>
            <div class="samples">${strips}</div> `
        : undefined
    }`,
  };
};

function strip(group: GroupLabel, images: readonly SampleImage[]): Markup {
  const shown = images.map(({ dataUri, width, height }, at) => {
    if (!/^data:image\//i.test(dataUri)) {
      throw new TypeError(
        `sample ${at} of group ${group.index} is not a data:image/ URI; the report must be self-contained`,
      );
    }
    const alt = `sample ${at + 1} of ${images.length} of group ${group.full}`;
    const small = Math.min(width, height) < SMALL ? html` class="small"` : undefined;
    return html`<img${small}
      src="${dataUri}"
      width="${width}"
      height="${height}"
      alt="${alt}"
    ></img${small}>`;
  });
  return html`<figure>
    <figcaption>${groupName(group)}</figcaption>
    <div class="strip">${shown}</div>
  </figure> `;
}
