import type { AtlasNeuron } from '../../experiments/atlas/atlasResult.js';
import { placeText } from '../../neurons/neuron.js';
import type { RunReport, Show } from '../figure.js';
import { largestChange, PERTURBED, traceView } from '../figures/changes/view.js';
import { anchorOf, strip } from '../figures/neurons/neuron.js';
import { fixed, percent, plural, size, SPLIT_NAME } from '../format.js';
import { type Groups, groupsOfKind } from '../groupLabels.js';
import { html } from '../html/html.js';
import { plain } from '../text.js';
import { changeOfGroup } from '../traces/tests.js';

/** The quickstart's page opens with three sentences for a reader who is new to all of it; other pages with none. */
export function openingSentences(report: RunReport, groups: Groups): string[] {
  if (report.comparison === undefined) return [];
  return [
    ...accuracySentence(report, groups),
    ...raritySentence(report, groups),
    ...neuronsSentence(report, groups),
  ];
}

function accuracySentence({ dataset, result }: RunReport, groups: Groups): string[] {
  const worst = result && groups[result.test.worstGroup];
  if (!worst) return [];
  const classes = dataset.targetNames?.map(plain).join(' from ') ?? 'the classes';
  return [
    `This network was trained to tell ${classes}: it is right on ${percent(result.test.average)} % of the test images, but on only ` +
      `${percent(result.test.worstGroupAccuracy)} % of the group ${worst.name}.`,
  ];
}

function raritySentence({ dataset: { counts } }: RunReport, groups: Groups): string[] {
  const minority = groupsOfKind(groups, true);
  const all = counts.train.reduce((sum, count) => sum + count, 0);
  const rare = minority.reduce((sum, group) => sum + (counts.train[group] ?? 0), 0);
  if (rare === 0) return [];
  const names = minority.map((group) => groups[group]?.name ?? '').join(' and ');
  return [
    `Such images are rare in training (${names} are ${fixed((100 * rare) / all, 1)} % of it), so that a network that goes by what ` +
      'mostly comes with a class, and not by the class itself, is nearly always right in training.',
  ];
}

function neuronsSentence({ traces }: RunReport, groups: Groups): string[] {
  const trace = traces.find(({ entries }) => entries.length > 0);
  const largest = trace && largestChange(traceView(trace).views);
  const group = largest && groups[largest.group];
  if (!group) return [];
  const { entry } = largest.selection;
  const { change, random } = changeOfGroup(entry, group.index);
  const take = (value: number, s = ''): string => `${value < 0 ? 'take' : 'add'}${s} ${size(value)}`;
  const { gerund } = PERTURBED[trace.perturbation];
  const neurons = `${plural(entry.neurons.length, 'neuron')} of ${trace.numNeurons} (${entry.neurons.map(placeText).join(', ')})`;
  const beside = random ? `; random neurons of the same layers ${take(random.mean)} on average` : '';
  return [
    `${gerund.charAt(0).toUpperCase()}${gerund.slice(1)} ${neurons} ${take(change, 's')} of the ${SPLIT_NAME[trace.split]} accuracy ` +
      `${change < 0 ? 'from' : 'to'} ${group.name}${beside}.`,
  ];
}

/** The images of a neuron in the opening. */
const IMAGES = 5;

/** On the quickstart's page, the neuron without which a group loses most: its strongest images, and what zeroing it does. */
export const showNeuron: Show<RunReport> = ({ comparison, neurons: atlas, dataset }, groups) => {
  const found = atlas && mostHarmful(atlas.neurons, groups);
  if (!comparison || !found) return undefined;
  const { neuron, group, change } = found;
  return {
    id: 'neuron',
    title: 'What one neuron answers to',
    prose: async () => {
      const { drawAtlas } = await import('../figures/neurons/pictures.js');
      const images = neuron.strongest.slice(0, IMAGES);
      const shown = { ...neuron, strongest: images, strongestOfGroups: [], flips: [] };
      const pictures = await drawAtlas(atlas, [shown]);
      const view = { atlas, pictures, groups, classNames: dataset.targetNames ?? [] };
      return html`<p>
          The training images to which <code>${placeText(neuron)}</code> answers most strongly. Colour shows
          where in the image, and the frame what that part of the network sees of it.
        </p>
        ${strip(neuron, images, view)}
        <p>
          Without this one neuron, the accuracy on the ${SPLIT_NAME.train} images of ${group.name} is
          ${change === 0 ? 'the same' : `${size(change)} ${change < 0 ? 'lower' : 'higher'}`}, and
          ${plural(neuron.flips.length, 'prediction')} ${neuron.flips.length === 1 ? 'differs' : 'differ'}
          among the ${SPLIT_NAME.train} images that were tried.
          <a href="#${anchorOf(neuron)}">More of it, and other neurons beside random ones</a>.
        </p> `;
    },
  };
};

/** The neuron of those that were chosen whose zeroing takes most from a group. */
function mostHarmful(neurons: readonly AtlasNeuron[], groups: Groups) {
  const effects = neurons
    .filter(({ role }) => role !== 'random')
    .flatMap((neuron) =>
      groups.map((group) => ({
        neuron,
        group,
        change: neuron.zeroed.groups[group.index]?.change ?? Number.NaN,
      })),
    );
  return effects.filter(({ change }) => Number.isFinite(change)).sort((a, b) => a.change - b.change)[0];
}

/** The way on from the quickstart. */
export const showNext: Show<RunReport> = ({ comparison }) =>
  comparison && {
    id: 'next',
    title: 'On your own images',
    prose: () =>
      html`<p>
          A folder of images for each class is enough. <code>npx spurmem init</code> asks where they are, what
          the class is, whether there is an attribute that may mislead, and which model to train, and writes a
          file of settings. <code>npx spurmem train erm</code> takes that file,
          <code>npx spurmem trace unstructured</code> finds the run’s neurons, and
          <code>npx spurmem report</code> makes a page like this one.
        </p>
        <p>
          One model of a toy benchmark proves nothing of others: train several seeds before you claim
          anything.
        </p> `,
  };
