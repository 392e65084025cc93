import { basename } from 'node:path';
import type { Trace } from '../../experiments/traces.js';
import { type Cell, groupCell, numbers, type Table, texts, withDetail } from '../../kit/table.js';
import { largestBy } from '../../metrics/statistics.js';
import { placeText } from '../../neurons/neuron.js';
import { type Figure, resultOf } from '../../report/figure.js';
import { fixed, MISSING, plural, points, pointsRange, typographic } from '../../report/format.js';
import { groupNameIn, type Groups, shortList, starNote } from '../../report/groupLabels.js';
import { folded, groupName, html, htmlTable, type Markup, stripPicture } from '../../report/html/html.js';
import { tracedWeights } from '../../report/measured.js';
import { boundColumns, estimateColumns } from '../../report/rows.js';
import { plain } from '../../report/text.js';
import { type AtlasPictures, atlasPictures } from './pictures.js';
import {
  ATLAS_SETTINGS,
  type AtlasNeuron,
  type AtlasResult,
  atlasSchema,
  type Flip,
  type GroupActivation,
  shownFlips,
  type StrongImage,
} from './result.js';

/** Training hardly moved a neuron whose weights it changed by less than this share of their initial norm. */
const HARDLY = 0.05;

/** An atlas of these weights that is there is taken, of whichever neurons. */
const trace: Trace<AtlasResult, typeof ATLAS_SETTINGS> = {
  kind: 'neuron-atlas',
  schema: atlasSchema,
  settings: ATLAS_SETTINGS,
  step: () => 'neuron atlas',
  isMadeAlone: true,
  measure: async (session, { samples }) => (await import('./atlas.js')).neuronAtlasIn(session, { samples }),
  serves: () => true,
  hidesImages: ({ showsImages }) => !showsImages,
};

/** The images that single neurons respond to, and the effect of zeroing them. */
export const neurons: Figure = {
  name: 'neurons',
  title: 'What neurons answer to',
  beyondArticle: true,
  needs: { others: [trace] },
  show: (source, groups) => {
    const made = resultOf(source, trace);
    if (!made || made.neurons.length === 0) return undefined;
    const { groupNames, targetNames = [] } = source.dataset;
    const table = atlasTable(made, groups);
    return {
      id: trace.kind,
      title: neurons.title,
      verdict: verdictOf(made),
      tables: [table],
      data: { name: 'neurons', rows: made.neurons.flatMap((neuron) => rowsOf(neuron, groupNames)) },
      prose: async () => {
        const view = { atlas: made, groups, classNames: targetNames, pictures: await atlasPictures(made) };
        const random = made.neurons.filter(({ role }) => role === 'random');
        const others = made.neurons.filter(({ role }) => role !== 'random');
        const ofRandom = random.map((neuron) => neuronMarkup(neuron, view));
        return html`${method(made)} ${htmlTable(table)} ${view.pictures.shared}
          ${others.map((neuron) => neuronMarkup(neuron, view))}
          ${random.length > 0 ? folded(`${plural(random.length, 'random neuron')} of the same layers`, ofRandom) : undefined}
          <p class="note">${tracedWeights(made.checkpoint)}</p> `;
      },
    };
  },
};

function method({ images, samples, baseline, seed, maxRandom, showsImages, initial }: AtlasResult): Markup {
  const zeroed = baseline.total.reduce((sum, count) => sum + count, 0);
  return html`<p>
      Not in the article. A neuron’s activation is its output before batch-norm, as a forward hook of PyTorch
      sees it. Its strongest images are those of the training split (${plural(images, 'image')}) with the
      highest activation at any position.
      ${
        showsImages
          ? 'Colour lies over an image where the neuron is more active than on average; the frame is the part that its strongest position can see, or, where the layer’s field is not known, the cell or patch of that position.'
          : 'No images are shown here or in other sections, as requested for this run.'
      }
    </p>
    <p class="note">
      Zeroed, each alone, on ${plural(zeroed, 'training image')}: at most ${samples} of each majority group
      (seed ${seed}), and all of the minority groups. Means are compared with those of up to ${maxRandom}
      random neurons of the same
      layer.${
        initial === null
          ? ' The weights before training were not kept, so that how far it moved them is not known.'
          : ''
      }
    </p> `;
}

/** The rows of a neuron in the CSV: one per group. */
function rowsOf(neuron: AtlasNeuron, groupNames: readonly string[]) {
  return neuron.groups.map((activation, group) => {
    const zeroed = neuron.zeroed.groups[group];
    const strongest = neuron.strongestOfGroups[group]?.[0];
    return {
      layer: neuron.layer,
      index: neuron.index,
      role: neuron.role,
      chosenBy: neuron.chosenBy.map((one) => `${one.criterion} G${one.group} ${one.rank}`).join('; '),
      group,
      name: groupNames[group] ?? '',
      images: activation.images,
      ...estimateColumns('mean', activation.mean, activation.interval),
      ...estimateColumns('shift', activation.shift, activation.shiftInterval),
      ...boundColumns('randomShift', activation.random),
      strongest: strongest?.filename ?? '',
      activation: strongest?.activation ?? null,
      total: zeroed?.total ?? null,
      accuracy: zeroed?.accuracy ?? null,
      ...estimateColumns('change', zeroed?.change, zeroed?.changeInterval),
      lost: zeroed?.lost ?? null,
      gained: zeroed?.gained ?? null,
      flips: neuron.flips.filter((flip) => flip.group === group).length,
      moved: neuron.moved?.distance ?? null,
      movedRank: neuron.moved?.rank ?? null,
    };
  });
}

/** How often zeroing a neuron alone shows, and which ones training hardly moved. */
function verdictOf({ neurons: all, initial }: AtlasResult): string[] {
  const shows = ({ zeroed }: AtlasNeuron): boolean =>
    zeroed.groups.some(({ changeInterval: [low, high] }) => low > 0 || high < 0);
  const random = all.filter(({ role }) => role === 'random');
  const others = all.filter(({ role }) => role !== 'random');
  const still = all.filter(({ moved }) => moved !== null && moved.distance < HARDLY);
  const chosen = others.some(({ role }) => role === 'chosen') ? 'chosen neurons' : 'neurons';
  const ofRandom =
    random.length === 0
      ? ''
      : `, and in ${random.filter(shows).length} of ${random.length} random ones of the same layers`;
  const moved = `Training hardly moved ${still.length} of ${plural(all.length, 'neuron')}: their weights changed by less than ${fixed(100 * HARDLY, 0)} % of their initial norm.`;
  return [
    `Zeroing one neuron alone changes a group’s training accuracy beyond its 95 % interval in ${others.filter(shows).length} of ${others.length} ${chosen}${ofRandom}; not corrected for ${plural(all.length, 'neuron')}.`,
    ...(initial === null ? [] : [moved]),
  ];
}

/** A row per neuron. */
function atlasTable(atlas: AtlasResult, groups: Groups): Table {
  /** The cell of the group with the largest value. */
  const largest = (
    valueOf: (group: number) => number | undefined,
    write: (group: number, short: string) => Cell,
  ) => {
    const group = largestBy([...groups], ({ index }) => valueOf(index) ?? Number.NaN);
    return group && valueOf(group.index) !== undefined ? write(group.index, group.short) : MISSING;
  };
  return {
    caption: 'Neurons, each zeroed alone.',
    columns: [
      { name: 'Neuron' },
      ...texts('chosen for'),
      {
        name: 'group that stands out',
        text: true,
        explanation:
          'Group that stands out: the one whose mean activation lies furthest from that of all images, in standard deviations over images.',
      },
      {
        name: 'largest change',
        explanation: 'Largest change: of a group’s training accuracy in points, with its 95 % interval.',
      },
      { name: 'flips', explanation: 'Flips: predictions that differ without the neuron.' },
      {
        name: 'moved',
        explanation: 'Moved: how far training changed its weights, in percent of their initial norm.',
      },
    ],
    rows: atlas.neurons.map((neuron) => {
      const { groups: activations, zeroed, flips, moved } = neuron;
      return [
        { kind: 'code', text: placeText(neuron) },
        reasonText(neuron, groups),
        largest(
          (group) => activations[group]?.shift,
          (group, short) => [short, shiftText(activations[group]?.shift)],
        ),
        largest(
          (group) => zeroed.groups[group]?.change,
          (group, short) =>
            withDetail(
              `${points(zeroed.groups[group]?.change)} ${short}`,
              pointsRange(zeroed.groups[group]?.changeInterval),
            ),
        ),
        String(flips.length),
        moved ? fixed(100 * moved.distance, 1) : MISSING,
      ];
    }),
    notes: [...(atlas.showsImages ? [] : ['images are not shown, as requested']), ...starNote(groups)],
  };
}

/** Why a neuron is there, in a few words. */
function reasonText({ role, chosenBy }: AtlasNeuron, groups: Groups): string {
  if (role === 'random') return 'random';
  if (role === 'asked') return 'asked for';
  const criteria = [...new Set(chosenBy.map(({ criterion }) => criterion))];
  return criteria
    .map((name) => {
      const of = chosenBy.filter(({ criterion }) => criterion === name).map(({ group }) => group);
      return `${name}: ${shortList(of, groups)}`;
    })
    .join('; ');
}

/** `+1.20`, in standard deviations over images. */
function shiftText(shift = Number.NaN): string {
  return `${shift > 0 ? '+' : ''}${fixed(shift, 2)}`;
}

/** A neuron's activation, and what zeroing it does, by group. */
function groupTable(neuron: AtlasNeuron, groups: Groups): Table {
  const interval = (ends: GroupActivation['interval'] | null, decimals: number): string =>
    ends?.every(Number.isFinite) === true
      ? `[${ends.map((end) => fixed(end, decimals)).join(', ')}]`
      : MISSING;
  return {
    caption: `${placeText(neuron)}: mean activation by group, and zeroing it.`,
    columns: [
      ...numbers('Group'),
      { name: 'mean', explanation: 'Mean: over images, of the mean over positions, with its 95 % interval.' },
      { name: 'beyond all images', explanation: 'Beyond all images: in standard deviations over images.' },
      {
        name: 'random neurons',
        explanation: 'Random neurons: the middle 95 % of that number over others of the layer.',
      },
      { name: 'change', explanation: 'Change: of the accuracy, in points, when the neuron is zeroed.' },
      ...numbers('lost', 'gained'),
    ],
    rows: groups.flatMap((group) => {
      const activation = neuron.groups[group.index];
      const zeroed = neuron.zeroed.groups[group.index];
      if (!activation) return [];
      return [
        [
          groupCell(group),
          withDetail(fixed(activation.mean, 3), interval(activation.interval, 3)),
          withDetail(shiftText(activation.shift), interval(activation.shiftInterval, 2)),
          interval(activation.random, 2),
          withDetail(points(zeroed?.change), pointsRange(zeroed?.changeInterval)),
          fixed(zeroed?.lost, 0),
          fixed(zeroed?.gained, 0),
        ],
      ];
    }),
  };
}

interface NeuronView {
  readonly atlas: AtlasResult;
  readonly groups: Groups;
  readonly classNames: readonly string[];
  readonly pictures: AtlasPictures;
}

/** All of one neuron: its strongest images, and, folded, those of each group, its numbers by group, and the predictions that flip. */
function neuronMarkup(neuron: AtlasNeuron, view: NeuronView): Markup {
  const name = placeText(neuron);
  const anchor = `neuron-${name.replace(/[^\w.]+/g, '-').replace(/-$/, '')}`;
  const filter =
    neuron.filter === null
      ? undefined
      : html`<figure>
          ${stripPicture({ dataUri: neuron.filter, width: 48, height: 48 }, `the filter of ${name}: its weights for red, green and blue; weights of 0 are grey`)}
          <figcaption>its filter</figcaption>
        </figure> `;
  const ofGroups = view.groups.flatMap((group) => {
    const images = neuron.strongestOfGroups[group.index] ?? [];
    if (images.length === 0) return [];
    return html`<figure>
      <figcaption>${groupName(group)}</figcaption>
      ${strip(neuron, images, view)}
    </figure> `;
  });
  const { length } = neuron.flips;
  return html`<h3 id="${anchor}"><code>${name}</code></h3>
    <p class="note">${typographic(wordsOf(neuron, view))}</p>
    ${strip(neuron, neuron.strongest, view, filter)}
    ${folded(`${name}: strongest images of each group`, html`<div class="samples">${ofGroups}</div> `)}
    ${folded(`${name}: by group`, htmlTable(groupTable(neuron, view.groups)))}
    ${length > 0 ? folded(`${name}: ${plural(length, 'prediction')} that flip${length === 1 ? 's' : ''}`, flipsMarkup(neuron, view)) : undefined} `;
}

function wordsOf(neuron: AtlasNeuron, { atlas, groups }: NeuronView): string {
  const { role, chosenBy, cells, moved, strongest } = neuron;
  const chosen = chosenBy.map(
    ({ criterion, group, rank }) => `${groupNameIn(groups)(group)} (number ${rank} by ${criterion})`,
  );
  const frame = strongest[0]?.frame;
  const [height, width] = frame ? [frame.height, frame.width].map((side) => Math.round(side)) : [];
  const by = moved ? fixed(100 * moved.distance, 1) : '';
  const further = moved ? `further than ${fixed(100 * moved.rank, 0)} % of its layer.` : '';
  return [
    role === 'chosen' ? `Chosen for ${chosen.join(', ')}.` : role === 'random' ? 'Drawn at random.' : '',
    cells === null
      ? 'Its positions are no parts of the image.'
      : `Its map has ${cells.join(' x ')} positions; ${frame ? `on its strongest image, the frame is ${height} x ${width} of ${atlas.inputSize.join(' x ')} px.` : 'it is strongest at a token that is no patch.'}`,
    moved === null
      ? ''
      : moved.distance < HARDLY
        ? `Training hardly moved it: by ${by} % of the norm of its initial weights, ${further}`
        : `Training changed its weights by ${by} % of their initial norm, ${further}`,
  ]
    .filter((text) => text !== '')
    .join(' ');
}

/** Images side by side, or their names if none may be shown. */
function strip(
  neuron: AtlasNeuron,
  images: readonly StrongImage[],
  { atlas, groups, pictures }: NeuronView,
  first?: Markup,
): Markup {
  const captionOf = ({ group, activation }: StrongImage, between: string): string =>
    `${groupNameIn(groups)(group)}${between}${fixed(activation, 2)}`;
  if (!atlas.showsImages) {
    const names = images.map((image) => `${plain(image.filename)} (${captionOf(image, ', ')})`);
    return html`<p class="note">Strongest: ${typographic(names.join(', '))}</p>
      ${first && html`<div class="samples"><div class="strip">${first}</div></div>`}`;
  }
  return html`<div class="samples">
    <div class="strip">
      ${first}
      ${images.map((image, at) => {
        const { filename, group, activation } = image;
        const alt = `number ${at + 1} of the strongest images of ${placeText(neuron)}: ${plain(filename)}, group ${groups[group]?.full ?? ''}, activation ${fixed(activation, 2)}`;
        return html`<figure>
          ${pictures.of(image, alt)}
          <figcaption title="${plain(filename)}">${typographic(captionOf(image, ' '))}</figcaption>
        </figure> `;
      })}
    </div>
  </div> `;
}

function flipsMarkup(
  { flips: all }: AtlasNeuron,
  { atlas, groups, classNames, pictures }: NeuronView,
): Markup {
  const nameOf = (label: number): string => plain(classNames[label] ?? String(label));
  const shown = atlas.showsImages ? shownFlips(all) : [];
  const counted = groups.flatMap(({ index, full }) => {
    const ofGroup = all.filter(({ group }) => group === index);
    const lost = ofGroup.filter(({ label, before }) => label === before).length;
    const gained = ofGroup.filter(({ label, after }) => label === after).length;
    return ofGroup.length === 0 ? [] : [`${full}: ${lost} now wrong, ${gained} now right`];
  });
  const figureOf = (flip: Flip): Markup => {
    const { filename, group, label, before, after } = flip;
    const alt = `${plain(filename)} of group ${groups[group]?.full ?? ''}: class ${nameOf(label)}, predicted ${nameOf(before)}, and ${nameOf(after)} without the neuron`;
    return html`<figure>
      ${pictures.of(flip, alt)}
      <figcaption title="${plain(filename)}">
        <span>${plain(basename(filename))}</span> ${nameOf(before)} → ${nameOf(after)}
      </figcaption>
    </figure> `;
  };
  return html`<p class="note">
      ${counted.join('; ')}${shown.length > 0 && shown.length < all.length ? '. The first of each group:' : '.'}
    </p>
    <div class="samples">
      <div class="strip">${shown.map(figureOf)}</div>
    </div> `;
}
