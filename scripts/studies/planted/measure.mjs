// Whether criteria find the neurons in which a memory was planted, and what becomes of it without what they find.
import { TraceSession } from '#src/experiments/traceSession.js';
import { traceMinimalIn } from '#src/extras/minimal/trace.js';
import { evaluate } from '#src/metrics/evaluate.js';
import { mannWhitney } from '#src/metrics/mannWhitney.js';
import { mean } from '#src/metrics/statistics.js';
import { native } from '#src/native/addon.js';
import { nullNamed } from '#src/neurons/nulls.js';
import { perturbedVariants, weightsIn, ZERO } from '#src/neurons/perturb.js';
import { placeAt } from '#src/neurons/select.js';

/** Planted groups are the odd ones: class * 2 + planted. */
const PLANTED = [1, 3];
/** Random sets of neurons, and images of a kept group that are measured at most. */
const [DRAWS, SAMPLES] = [10, 400];
/** Float32 has no smaller cross-entropy. */
const SMALLEST_LOSS = 2 ** -24;

/**
 * Collects, of each criterion and planted group, the AUC and the precision at K; of each way to erase what changes; and of minimal sets
 * how many of their neurons are planted ones.
 */
export async function measure({ criteria, erase, minimal }, options, cell, collect) {
  const session = await TraceSession.open(options);
  try {
    const [{ trained }] = await session.folder.readMetrics();
    const known = trained.neurons;
    const margins = await meanMargins(session);
    const chosen = [];
    for (const criterion of criteria) {
      for (const group of PLANTED) {
        const scores = await scoresOf(session, criterion, group);
        const neurons = firstOf(session, scores, known.length);
        chosen.push({ criterion, group, neurons });
        const row = { ...found(session, { scores, neurons, known }), margin: margins[group] };
        collect('found', [{ ...cell, criterion, group, ...row }]);
      }
    }
    await eraseAll(session, { chosen, erase, known }, cell, collect);
    await minimalSets(session, minimal, known, cell, collect);
  } finally {
    session[Symbol.dispose]();
  }
}

/** Changes of accuracy where the neurons that were chosen for a planted group are perturbed, and with the planted ones zeroed. */
async function eraseAll(session, { chosen, erase, known }, cell, collect) {
  const before = await weightsIn(session.folder.weights(0), 'weights before', session.model, 'neuron');
  for (const split of ['train', 'test']) {
    const images = measuredImages(session, split);
    const start = await accuraciesOf(session, images);
    const changeBy = (neurons, perturbation) =>
      changeOf(session, { images, start }, neurons, { perturbation, before });
    const change = await changeBy(known, 'zero');
    for (const group of PLANTED) {
      const planted = { ...cell, split, perturbation: 'zero', criterion: 'planted', group };
      collect('erased', [erasedRow(planted, change)]);
    }
    for (const perturbation of erase) {
      for (const { criterion, group, neurons } of chosen) {
        const own = await changeBy(neurons, perturbation);
        const hasRandom = perturbation === 'zero' && split === 'train';
        const random = hasRandom ? await underRandom(session, neurons, group) : null;
        collect('erased', [erasedRow({ ...cell, split, perturbation, criterion, group }, own, random)]);
      }
    }
  }
}

/** The change of each group's accuracy where neurons are perturbed. */
async function changeOf(session, { images, start }, neurons, { perturbation, before }) {
  const choice = { ...ZERO, kind: perturbation, known: before };
  const [variant] = perturbedVariants(neurons, choice, session.model.description.layers);
  const after = await accuraciesOf(session, images, variant.edits);
  return after.map((accuracy, group) => accuracy - start[group]);
}

/** The mean change of a planted group's training accuracy with random neurons of the same layers zeroed. */
async function underRandom(session, neurons, group) {
  const { layers } = session.model.description;
  const images = session.dataset.splits.train.filter((index) => session.dataset.groups[index] === group);
  const draw = nullNamed('same-layers').drawer(neurons, { layers });
  const generator = new (native().Generator)(session.seed);
  const start = await accuraciesOf(session, images);
  const changes = [];
  for (let i = 0; i < DRAWS; i++) {
    const change = await changeOf(session, { images, start }, draw(generator), { perturbation: 'zero' });
    changes.push(change[group]);
  }
  return mean(changes);
}

/** The mean margin of each group's training images, in logits: of two classes it is known from the cross-entropy. */
async function meanMargins({ dataset, loader, model }) {
  const { train } = dataset.splits;
  const { losses } = await evaluate(model, loader, train, { batchSize: 64, task: 'margins' });
  const margins = Array.from(losses, (loss) => -Math.log(Math.expm1(Math.max(loss, SMALLEST_LOSS))));
  return dataset.groupNames.map((_, group) =>
    mean(margins.filter((_margin, i) => dataset.groups[train[i]] === group)),
  );
}

async function accuraciesOf({ loader, model }, images, edits = []) {
  const { accuracies } = await evaluate(model, loader, images, { batchSize: 64, task: 'erasing', edits });
  return accuracies.accuracy;
}

/** All planted images of a split, and the first ones of each kept group. */
function measuredImages({ dataset }, split) {
  const seen = new Map();
  return dataset.splits[split].filter((index) => {
    const group = dataset.groups[index];
    seen.set(group, (seen.get(group) ?? 0) + 1);
    return PLANTED.includes(group) || seen.get(group) <= SAMPLES;
  });
}

/** Changes of accuracy: of the planted group, of the kept ones, and of the planted group under random sets. */
function erasedRow(chosen, change, random = null) {
  return { ...chosen, own: change[chosen.group], kept0: change[0], kept2: change[2], random };
}

/** The minimal sets of some images of each group: their size, and the share of their neurons that are planted ones. */
async function minimalSets(session, settings, known, cell, collect) {
  const { examples } = await traceMinimalIn(session, settings);
  const places = placesOf(session, known);
  const isPlanted = (neuron) => Number(places.has(session.position(neuron)));
  const rows = session.dataset.groupNames.flatMap((_, group) => {
    const own = examples.filter((example) => example.group === group);
    if (own.length === 0) return [];
    const meanOf = (valueOf) => mean(own.map(valueOf));
    return {
      ...cell,
      group,
      examples: own.length,
      forgotten: meanOf(({ flipped }) => Number(flipped)),
      count: meanOf(({ count }) => count),
      precision: meanOf(({ neurons }) => mean(neurons.map(isPlanted))),
    };
  });
  collect('minimal', rows);
}

/** A criterion's scores of all neurons; ` minus kept` takes those for the kept images of the class away. */
async function scoresOf(session, criterion, group) {
  const [name, minus] = criterion.split(' minus ');
  const scores = await session.scores(name, group);
  if (minus === undefined) return scores;
  const ofKept = await session.scores(name, group - 1);
  return scores.map((score, i) => score - ofKept[i]);
}

function placesOf(session, neurons) {
  return new Set(neurons.map((neuron) => session.position(neuron)));
}

/** The neurons with the highest scores. */
function firstOf(session, scores, count) {
  const places = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  return places.slice(0, count).map((place) => placeAt(place, session.unitLayers));
}

function found(session, { scores, neurons, known }) {
  const places = placesOf(session, known);
  const layers = new Set(known.map(({ layer }) => layer));
  const inLayer = (place) => layers.has(placeAt(place, session.unitLayers).layer);
  const own = [...places].map((place) => scores[place]);
  const others = [...scores.keys()].filter((place) => !places.has(place));
  /** The probability that a planted neuron has a higher score than another; a tie counts a half. */
  const aucAmong = (rest) =>
    mannWhitney(
      own,
      rest.map((place) => scores[place]),
    ).u /
    (own.length * rest.length);
  return {
    auc: aucAmong(others),
    aucInLayer: aucAmong(others.filter(inLayer)),
    precision: neurons.filter((neuron) => places.has(session.position(neuron))).length / places.size,
  };
}
