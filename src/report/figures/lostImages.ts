import { basename } from 'node:path';
import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { perturbationNamed } from '../../neurons/perturbations.js';
import { plural, SPLIT_NAME } from '../format.js';
import type { Groups } from '../groupLabels.js';
import { folded, groupName, html, type Markup, stripPicture } from '../html/html.js';
import { plain } from '../text.js';

/** The first images that each group loses to the most of its own neurons, by criterion; undefined if there are none, or none may be shown. */
export function lostImages(
  trace: TraceUnstructuredResult,
  groups: Groups,
  classNames: readonly string[],
): Markup | undefined {
  const { criteria, entries, pictures, perturbation, seeds, split } = trace;
  const { participle } = perturbationNamed(perturbation).words;
  const byExample = new Map(pictures.map((picture) => [picture.example, picture]));
  const nameOf = (label: number): string => plain(classNames[label] ?? String(label));
  const strips = criteria.flatMap((criterion) =>
    groups.flatMap((group) => {
      const entry = entries
        .filter((one) => one.criterion === criterion && one.group === group.index)
        .reduce<(typeof entries)[number] | undefined>(
          (most, one) => (most && most.k > one.k ? most : one),
          undefined,
        );
      const lost = entry?.lost[group.index];
      if (!entry || !lost || lost.first.length === 0) return [];
      const images = lost.first.flatMap(({ example, predicted }) => {
        const picture = byExample.get(example);
        if (!picture) return [];
        const { image, filename, label } = picture;
        const alt = `${plain(filename)} of group ${group.full}: class ${nameOf(label)}, predicted ${nameOf(predicted)}`;
        return [
          html`<figure>
            ${stripPicture(image, alt)}
            <figcaption title="${plain(filename)}">
              <span>${plain(basename(filename))}</span> ${nameOf(label)} → ${nameOf(predicted)}
            </figcaption>
          </figure> `,
        ];
      });
      const some = images.length < lost.count ? `, the first ${images.length} shown` : '';
      return [
        html`<figure>
          <figcaption>
            ${groupName(group)}, ${plural(entry.k, 'neuron')} by ${criterion} ${participle}:
            ${plural(lost.count, 'image')} become${lost.count === 1 ? 's' : ''} wrong${some}
          </figcaption>
          <div class="strip">${images}</div>
        </figure> `,
      ];
    }),
  );
  if (strips.length === 0 || pictures.length === 0) return undefined;
  const body = html`<p class="note">
      ${SPLIT_NAME[split]} images that the model predicts right, and wrong once neurons that were chosen for
      their group are ${participle}; the first of each group in the order of the dataset’s
      table${seeds.length > 1 ? ', under the first seed' : ''}.
    </p>
    <div class="samples">${strips}</div> `;
  return perturbation === 'zero' ? body : folded('Images that become wrong', body);
}
