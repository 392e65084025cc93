import { SPLITS } from '../../data/split.js';
import { count, percent, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import type { SampleImage } from '../../data/dataDescription.js';
import type { RunReport } from '../reportData.js';
import { table } from '../table.js';
import { groupName } from './parts.js';

/** Below this width or height in pixels, enlarging an image shows its pixels instead of a blur. */
const SMALL = 96;

/** Group sizes, and sample images of each group where the caller gave some. */
export function dataSection({ dataset }: RunReport, groups: readonly GroupLabel[]): Section {
  const trained = dataset.counts.train.reduce((sum, size) => sum + size, 0);
  const sizes = table(
    'Samples of each group. Share: of the training split, in percent.',
    [
      { name: 'Group' },
      { name: 'Kind', text: true },
      ...SPLITS.map((split) => ({ name: SPLIT_NAME[split] })),
      { name: 'share' },
    ],
    groups.map((group) => ({
      heading: groupName(group),
      cells: [
        group.minority ? 'minority' : 'majority',
        ...SPLITS.map((split) => count(dataset.counts[split][group.index])),
        percent((dataset.counts.train[group.index] ?? Number.NaN) / trained),
      ],
    })),
  );
  const samples = (dataset.samples ?? []).filter(({ images }) => images.length > 0);
  const strips = samples.map(({ group, images }) => {
    const label = groups[group];
    return label ? strip(label, images) : undefined;
  });
  return {
    id: 'data',
    title: 'Data',
    body: html`${sizes}${
      samples.length > 0
        ? html`<h3>Sample images</h3>
            <div class="samples">${strips}</div> `
        : undefined
    }`,
  };
}

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
