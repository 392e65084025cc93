import { basename } from 'node:path';
import type { AtlasNeuron, AtlasResult, Flip, StrongImage } from '../../../experiments/atlas/atlasResult.js';
import { firstOfGroups } from '../../../experiments/atlas/shownFlips.js';
import { placeText } from '../../../neurons/neuron.js';
import { fixed, plural, typographic } from '../../format.js';
import type { Groups } from '../../groupLabels.js';
import { folded, groupName, html, htmlTable, type Markup, picture, stripPicture } from '../../html/html.js';
import { plain } from '../../text.js';
import type { AtlasPictures } from './pictures.js';
import { groupTable, HARDLY } from './tables.js';

/** What the pictures and words of a neuron take. */
export interface NeuronView {
  readonly atlas: AtlasResult;
  readonly pictures: AtlasPictures;
  readonly groups: Groups;
  readonly classNames: readonly string[];
}

/** The anchor of a neuron in a page. */
function anchorOf(neuron: AtlasNeuron): string {
  return `neuron-${placeText(neuron)
    .replace(/[^\w.]+/g, '-')
    .replace(/-$/, '')}`;
}

/** All of one neuron: its strongest images, and, folded, those of each group, its numbers by group, and the predictions that flip. */
export function neuronMarkup(neuron: AtlasNeuron, view: NeuronView): Markup {
  const name = placeText(neuron);
  const ofGroups = view.groups.flatMap((group) => {
    const images = neuron.strongestOfGroups[group.index] ?? [];
    if (images.length === 0) return [];
    return [
      html`<figure>
        <figcaption>${groupName(group)}</figcaption>
        ${strip(neuron, images, view)}
      </figure> `,
    ];
  });
  return html`<h3 id="${anchorOf(neuron)}"><code>${name}</code></h3>
    <p class="note">${typographic(wordsOf(neuron, view))}</p>
    ${strip(neuron, neuron.strongest, view, filterFigure(neuron))}
    ${folded(`${name}: strongest images of each group`, html`<div class="samples">${ofGroups}</div> `)}
    ${folded(`${name}: by group`, htmlTable(groupTable(neuron, view.groups)))}
    ${neuron.flips.length > 0 ? folded(`${name}: ${plural(neuron.flips.length, 'prediction')} that flip${neuron.flips.length === 1 ? 's' : ''}`, flips(neuron, view)) : undefined} `;
}

function wordsOf(neuron: AtlasNeuron, { atlas, groups }: NeuronView): string {
  const { role, chosenBy, cells, moved, zeroed, strongest } = neuron;
  const chosen = chosenBy.map(
    ({ criterion, group, rank }) => `${groups[group]?.short ?? `G${group}`} (number ${rank} by ${criterion})`,
  );
  const frame = strongest[0]?.frame;
  const [height, width] = frame ? [frame.height, frame.width].map((side) => Math.round(side)) : [];
  return [
    role === 'chosen' ? `Chosen for ${chosen.join(', ')}.` : role === 'random' ? 'Drawn at random.' : '',
    cells === null
      ? 'Its positions are no parts of the image.'
      : `Its map has ${cells.join(' x ')} positions; ${frame ? `on its strongest image, the frame is ${height} x ${width} of ${atlas.inputSize.join(' x ')} px.` : 'it is strongest at a token that is no patch.'}`,
    moved === null
      ? ''
      : moved.distance < HARDLY
        ? `Training hardly moved it: by ${fixed(100 * moved.distance, 1)} % of the norm of its initial weights, further than ${fixed(100 * moved.rank, 0)} % of its layer.`
        : `Training changed its weights by ${fixed(100 * moved.distance, 1)} % of their initial norm, further than ${fixed(100 * moved.rank, 0)} % of its layer.`,
    zeroed.trace === null
      ? 'What zeroing it does was measured here.'
      : `What zeroing it does is from ${zeroed.trace}.`,
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function filterFigure(neuron: AtlasNeuron): Markup | undefined {
  if (neuron.filter === null) return undefined;
  const alt = `the filter of ${placeText(neuron)}: its weights for red, green and blue, grey where they are 0`;
  return html`<figure>
    ${stripPicture({ dataUri: neuron.filter, width: 48, height: 48 }, alt)}
    <figcaption>its filter</figcaption>
  </figure> `;
}

/** Images side by side, or their names where none may be shown. */
export function strip(
  neuron: AtlasNeuron,
  images: readonly StrongImage[],
  { atlas, pictures, groups }: NeuronView,
  first?: Markup,
): Markup {
  const shortOf = (group: number): string => groups[group]?.short ?? `G${group}`;
  if (!atlas.showsImages) {
    const names = images.map(
      ({ filename, group, activation }) => `${plain(filename)} (${shortOf(group)}, ${fixed(activation, 2)})`,
    );
    return html`<p class="note">Strongest: ${typographic(names.join(', '))}</p>
      ${first && html`<div class="samples"><div class="strip">${first}</div></div>`}`;
  }
  return html`<div class="samples">
    <div class="strip">
      ${first}
      ${images.map((image, at) => {
        const drawn = pictures.strongest(neuron, image);
        const { filename, group, activation } = image;
        const alt = `number ${at + 1} of the strongest images of ${placeText(neuron)}: ${plain(filename)}, group ${groups[group]?.full ?? ''}, activation ${fixed(activation, 2)}`;
        return (
          drawn &&
          html`<figure>
            ${picture(drawn, alt)}
            <figcaption title="${plain(filename)}">
              ${shortOf(group)} ${typographic(fixed(activation, 2))}
            </figcaption>
          </figure> `
        );
      })}
    </div>
  </div> `;
}

function flips({ flips: all }: AtlasNeuron, { pictures, groups, classNames, atlas }: NeuronView): Markup {
  const nameOf = (label: number): string => plain(classNames[label] ?? String(label));
  const shown = atlas.showsImages ? firstOfGroups(all) : [];
  const counted = groups.flatMap(({ index, full }) => {
    const ofGroup = all.filter(({ group }) => group === index);
    const lost = ofGroup.filter(({ label, before }) => label === before).length;
    const gained = ofGroup.filter(({ label, after }) => label === after).length;
    return ofGroup.length === 0 ? [] : [`${full}: ${lost} now wrong, ${gained} now right`];
  });
  return html`<p class="note">
      ${counted.join('; ')}${shown.length > 0 && shown.length < all.length ? '. The first of each group:' : '.'}
    </p>
    <div class="samples">
      <div class="strip">
        ${shown.map((flip) => flipFigure(flip, pictures.flipped(flip), groups, nameOf))}
      </div>
    </div> `;
}

function flipFigure(
  flip: Flip,
  drawn: ReturnType<AtlasPictures['flipped']>,
  groups: Groups,
  nameOf: (label: number) => string,
): Markup | undefined {
  const { filename, group, label, before, after } = flip;
  const alt = `${plain(filename)} of group ${groups[group]?.full ?? ''}: class ${nameOf(label)}, predicted ${nameOf(before)}, and ${nameOf(after)} without the neuron`;
  return (
    drawn &&
    html`<figure>
      ${picture(drawn, alt)}
      <figcaption title="${plain(filename)}">
        <span>${plain(basename(filename))}</span> ${nameOf(before)} → ${nameOf(after)}
      </figcaption>
    </figure> `
  );
}
