import type { SampleImage } from '../../data/dataDescription.js';
import { SPLITS } from '../../data/split.js';
import { groupCell, type GroupLabel, numbers, type Table } from '../../kit/table.js';
import type { ReportDataset, Show } from '../figure.js';
import { fixed, granularity, percent, plural, SPLIT_NAME } from '../format.js';
import {
  areClasses,
  groupLabels,
  type Groups,
  groupsOfKind,
  isTickedGroup,
  starNote,
} from '../groupLabels.js';
import { groupName, html, htmlTable, type Markup, stripPicture } from '../html/html.js';

/** Group sizes, and sample images of each group where the caller gave some. */
export const showData: Show = ({ dataset }, groups) => {
  const samples = (dataset.samples ?? []).filter(({ images }) => images.length > 0);
  return {
    id: 'data',
    title: 'Data',
    verdict: dataVerdict(dataset, groups),
    prose: () =>
      html`${htmlTable(countTable(dataset))}${
        samples.length > 0
          ? html`<h3>Sample images</h3>
              <div class="samples">
                ${samples.map(({ group, images }) => {
                  const label = groups[group];
                  return label && strip(label, images);
                })}
              </div> `
          : undefined
      }`,
  };
};

function strip(group: GroupLabel, images: readonly SampleImage[]): Markup {
  const shown = images.map((image, at) => {
    if (!/^data:image\//i.test(image.dataUri)) {
      throw new TypeError(
        `sample ${at} of group ${group.index} is not a data:image/ URI; the report must be self-contained`,
      );
    }
    return stripPicture(image, `sample ${at + 1} of ${images.length} of group ${group.full}`);
  });
  return html`<figure>
    <figcaption>${groupName(group)}</figcaption>
    <div class="strip">${shown}</div>
  </figure> `;
}

export function countTable(dataset: ReportDataset): Table {
  const groups = groupLabels(dataset);
  const { counts } = dataset;
  const trained = counts.train.reduce((sum, size) => sum + size, 0);
  return {
    caption: 'Samples of each group.',
    columns: [
      { name: 'Group' },
      { name: 'Kind', text: true, pageOnly: true },
      ...numbers(...SPLITS.map((split) => SPLIT_NAME[split])),
      { name: 'share', explanation: 'Share: of the training split, in percent.', pageOnly: true },
    ],
    rows: groups.map((group) => [
      groupCell(group),
      kindOf(group, dataset),
      ...SPLITS.map((split) => fixed(counts[split][group.index], 0)),
      percent((counts.train[group.index] ?? Number.NaN) / trained),
    ]),
    notes: starNote(groups),
  };
}

function kindOf({ minority, index }: GroupLabel, dataset: ReportDataset): string {
  if (dataset.ticks !== undefined) return isTickedGroup(dataset, index) ? 'ticked' : 'not ticked';
  return minority ? 'minority' : 'majority';
}

/** How rare minority groups are, and how little a measurement of the smallest one can tell. */
function dataVerdict(dataset: ReportDataset, groups: Groups): string[] {
  const { train, test } = dataset.counts;
  const all = train.reduce((sum, count) => sum + count, 0);
  const minority = groupsOfKind(groups, true);
  const rare = minority.reduce((sum, group) => sum + (train[group] ?? 0), 0);
  const least = Math.min(...test.filter((count) => count > 0));
  const word = areClasses(dataset) ? 'class' : 'group';
  const smallest = `The smallest test ${word} has ${plural(least, 'sample')}, of which each is ${granularity(least)} points.`;
  if (dataset.ticks !== undefined) return [`${tickedCounts(dataset, groups)} ${smallest}`];
  if (minority.length === 0) return [smallest];
  return [
    `Minority groups are ${fixed((100 * rare) / all, 1)} % of the training split (${rare} of ${plural(all, 'sample')}). ${smallest}`,
  ];
}

/** Ticks say nothing of images that nobody looked at: no share of the training split is theirs. */
function tickedCounts(dataset: ReportDataset, groups: Groups): string {
  const { ticks, counts } = dataset;
  const ticked = groups.filter(({ index }) => isTickedGroup(dataset, index));
  const told = ticked.map(
    ({ full, index }) =>
      `${full}: ${SPLITS.map((split) => `${counts[split][index] ?? 0} ${SPLIT_NAME[split]}`).join(', ')}`,
  );
  return `Groups are ticks of ${ticks ?? ''}; an image that is not ticked may show the same, unless somebody looked. Ticked images: ${told.join('; ')}.`;
}
