import { basename } from 'node:path';
import type { LostOfGroup, PicturedExample, TraceEntry } from '../../../experiments/results.js';
import { plural, SPLIT_NAME } from '../../format.js';
import type { GroupLabel, Groups } from '../../groupLabels.js';
import { folded, groupName, html, type Markup, stripPicture } from '../../html/html.js';
import { plain } from '../../text.js';
import { PERTURBED, type TraceView } from './view.js';

/** A group's own neurons, and what it lost to them. */
interface OwnLoss {
  readonly group: GroupLabel;
  readonly entry: TraceEntry;
  readonly lost: LostOfGroup;
}

/** The first images that each group loses to the most of its own neurons, for each criterion; undefined where there are none, or none may be shown. */
export function lostImages(
  { trace, views, shownSigma }: TraceView,
  groups: Groups,
  classNames: readonly string[],
): Markup | undefined {
  const pictures = new Map(trace.pictures.map((picture) => [picture.example, picture]));
  const losses = views
    .filter(({ sigma }) => sigma === shownSigma)
    .flatMap(({ entries }) =>
      groups.flatMap((group): OwnLoss[] => {
        const entry = entries.findLast((one) => one.group === group.index);
        const lost = entry?.lost[group.index];
        return entry && lost && lost.first.length > 0 ? [{ group, entry, lost }] : [];
      }),
    );
  if (losses.length === 0 || pictures.size === 0) return undefined;
  const { participle } = PERTURBED[trace.perturbation];
  const body = html`<p class="note">
      ${SPLIT_NAME[trace.split]} images that the model predicts right, and wrong once neurons that were chosen
      for their group are ${participle}; the first of each group in the order of the dataset’s
      table${trace.seeds.length > 1 ? ', under the first seed' : ''}.
    </p>
    <div class="samples">${losses.map((loss) => strip(loss, participle, pictures, classNames))}</div> `;
  return trace.perturbation === 'zero' ? body : folded('Images that become wrong', body);
}

function strip(
  { group, entry, lost }: OwnLoss,
  participle: string,
  pictures: ReadonlyMap<number, PicturedExample>,
  classNames: readonly string[],
): Markup {
  const nameOf = (label: number): string => plain(classNames[label] ?? String(label));
  const shown = lost.first.flatMap(({ example, predicted }) => {
    const picture = pictures.get(example);
    return picture ? [{ ...picture, predicted: nameOf(predicted) }] : [];
  });
  const images = shown.map(({ image, filename, label, predicted }) => {
    const alt = `${plain(filename)} of group ${group.full}: class ${nameOf(label)}, predicted ${predicted}`;
    return html`<figure>
      ${stripPicture(image, alt)}
      <figcaption title="${plain(filename)}">
        <span>${plain(basename(filename))}</span> ${nameOf(label)} → ${predicted}
      </figcaption>
    </figure> `;
  });
  const some = shown.length < lost.count ? `, the first ${shown.length} shown` : '';
  return html`<figure>
    <figcaption>
      ${groupName(group)}, ${plural(entry.k, 'neuron')} by ${entry.criterion} ${participle}:
      ${plural(lost.count, 'image')} become${lost.count === 1 ? 's' : ''} wrong${some}
    </figcaption>
    <div class="strip">${images}</div>
  </figure> `;
}
