import type { AtlasResult } from '../../../experiments/atlas/atlasResult.js';
import type { Figure } from '../../figure.js';
import { plural } from '../../format.js';
import type { Groups } from '../../groupLabels.js';
import { folded, html, htmlTable, type Markup } from '../../html/html.js';
import { tracedWeights } from '../../measured.js';
import { neuronMarkup } from './neuron.js';
import { atlasRows, atlasTable, atlasVerdict } from './tables.js';

/** The images that single neurons answer to, beside what zeroing them does. */
export const neurons: Figure = {
  name: 'neurons',
  title: 'What neurons answer to',
  beyondArticle: true,
  needs: { results: ['neurons'] },
  show: ({ neurons: atlas, dataset }, groups) => {
    if (!atlas || atlas.neurons.length === 0) return undefined;
    const table = atlasTable(atlas, groups);
    return {
      id: 'neuron-atlas',
      title: neurons.title,
      verdict: atlasVerdict(atlas),
      tables: [table],
      data: { name: 'neurons', rows: atlasRows(atlas, dataset.groupNames) },
      prose: async () =>
        html`${method(atlas)} ${htmlTable(table)} ${await blocks(atlas, groups, dataset.targetNames ?? [])}
          <p class="note">${tracedWeights(atlas.checkpoint)}</p> `,
    };
  },
};

function method({ images, samples, baseline, seed, besides, showsImages, initial }: AtlasResult): Markup {
  const zeroed = baseline.total.reduce((sum, count) => sum + count, 0);
  return html`<p>
      Not in the article. A neuron’s activation is its output before batch-norm, as a forward hook of PyTorch
      sees it. Its strongest images are those of the training split (${plural(images, 'image')}) with the
      highest activation at any position.
      ${
        showsImages
          ? 'Colour lies over an image where the neuron is more active than on average; the frame is the part that its strongest position can see, or, where the layer’s field is not known, the cell or patch of that position.'
          : 'No images are shown here or in other sections, as was asked for this run.'
      }
    </p>
    <p class="note">
      Zeroed, each alone, on ${plural(zeroed, 'training image')}: at most ${samples} of each majority group
      (seed ${seed}), and all of the minority groups. Means stand beside those of up to ${besides} random
      neurons of the same
      layer.${
        initial === null
          ? ' The weights before training were not kept, so that how far it moved them is not known.'
          : ''
      }
    </p> `;
}

async function blocks(atlas: AtlasResult, groups: Groups, classNames: readonly string[]): Promise<Markup> {
  // Loaded where it is needed: drawing takes libraries that a command's help does without.
  const { drawAtlas } = await import('./pictures.js');
  const pictures = await drawAtlas(atlas, atlas.neurons);
  const view = { atlas, pictures, groups, classNames };
  const random = atlas.neurons.filter(({ role }) => role === 'random');
  const others = atlas.neurons.filter(({ role }) => role !== 'random');
  return html`${others.map((neuron) => neuronMarkup(neuron, view))}
  ${
    random.length > 0
      ? folded(
          `${plural(random.length, 'random neuron')} of the same layers`,
          random.map((neuron) => neuronMarkup(neuron, view)),
        )
      : undefined
  }
  ${
    pictures.leftOut > 0
      ? html`<p class="note">
          ${plural(pictures.leftOut, 'picture')} are left out, so that the page stays small.
        </p> `
      : undefined
  }`;
}
