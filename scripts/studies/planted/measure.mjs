// Whether criteria find the neurons in which a memory was planted, and what becomes of it without what they find.
import { traceMinimalIn } from '#src/experiments/traceMinimal.js';
import { TraceSession } from '#src/experiments/traceSession.js';
import { traceUnstructured } from '#src/experiments/traceUnstructured.js';
import { evaluate } from '#src/metrics/evaluate.js';
import { mannWhitney } from '#src/metrics/mannWhitney.js';
import { mean } from '#src/metrics/statistics.js';
import { weightsIn } from '#src/neurons/neuronValues.js';
import { perturbedVariants, ZERO } from '#src/neurons/perturb.js';
import { placeAt } from '#src/neurons/select.js';
import { openRun } from '#src/train/runFolder.js';

/** Planted groups are the odd ones: class * 2 + planted. */
const PLANTED = [1, 3];
const MINUS = ' minus ';
/** Standard deviation of random values. */
const SIGMA = 0.005;
/** Random sets of neurons, images of a kept group that are measured at most, and draws of random values. */
const [DRAWS, SAMPLES, REPEATS] = [10, 400, 3];

/**
 * Collects, of each criterion and planted group, the AUC and the precision at K; of minimal sets, how many of their neurons are planted
 * ones; and of each way to erase what changes.
 */
export async function measure({ criteria, minimal, erase }, options, cell, collect) {
  const { folder } = await openRun(options.run);
  const epochs = await folder.readMetrics();
  const known = epochs[0].trained.neurons;
  const session = await TraceSession.open(options);
  try {
    await score(session, { criteria, erase }, known, cell, collect);
    await minimalSets(session, minimal, known, cell, collect);
  } finally {
    session[Symbol.dispose]();
  }
  for (const split of ['train', 'test']) {
    for (const perturbation of erase) {
      // Random sets take most of the time.
      const nullDraws = perturbation === 'zero' && split === 'train' ? DRAWS : 0;
      const nulls = { nullDraws, exceedances: DRAWS, nulls: ['same-layers'] };
      const asked = { ...options, perturbation, rewindEpochs: epochs.length, split, ...nulls };
      const traced = { criteria: criteria.filter((name) => !isDifference(name)), topK: [known.length] };
      const { entries } = await traceUnstructured({
        ...asked,
        ...traced,
        samples: SAMPLES,
        repeats: REPEATS,
      });
      const rows = entries
        .filter(({ group }) => PLANTED.includes(group))
        .map(({ criterion, group, change, comparisons }) => {
          const tests = comparisons?.['same-layers']?.groups;
          const random = tests?.map((test) => test?.accuracy.mean);
          return erasedRow({ ...cell, split, perturbation, criterion, group }, change, random);
        });
      collect('erased', rows);
    }
  }
}

/** What the scores find; and erased: the planted neurons themselves, and what is found by criteria that no trace has. */
async function score(session, { criteria, erase }, known, cell, collect) {
  const { dataset, loader, model, folder } = session;
  const { layers } = model.description;
  const before = await weightsIn(folder.epoch(0), 'weights before', model, 'neuron');
  const accuraciesOf = async (split, edits) =>
    (await evaluate(model, loader, dataset.splits[split], { batchSize: 64, task: split, edits })).accuracies
      .accuracy;
  for (const criterion of criteria) {
    for (const group of PLANTED) {
      const scores = await scoresOf(session, criterion, group);
      collect('found', [{ ...cell, criterion, group, ...found(session, scores, known) }]);
    }
  }
  for (const split of ['train', 'test']) {
    const start = await accuraciesOf(split, []);
    /** Rows of neurons that are perturbed, for some planted groups. */
    const erased = async (neurons, perturbation, criterion, groups) => {
      const drawn = perturbation === 'reinit' ? { sigma: SIGMA, seeds: [...Array(REPEATS).keys()] } : ZERO;
      const choice = { ...drawn, kind: perturbation, known: before };
      const after = [];
      for (const { edits } of perturbedVariants(neurons, choice, layers))
        after.push(await accuraciesOf(split, edits));
      const change = start.map((accuracy, group) => mean(after.map((own) => own[group])) - accuracy);
      const chosen = { ...cell, split, perturbation, criterion };
      collect(
        'erased',
        groups.map((group) => erasedRow({ ...chosen, group }, change)),
      );
    };
    await erased(known, 'zero', 'planted', PLANTED);
    for (const criterion of criteria.filter(isDifference)) {
      for (const group of PLANTED) {
        const neurons = firstOf(await scoresOf(session, criterion, group), known.length).map((place) =>
          placeAt(place, layers),
        );
        for (const perturbation of erase) await erased(neurons, perturbation, criterion, [group]);
      }
    }
  }
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
      images: own.length,
      flipped: meanOf(({ flipped }) => Number(flipped)),
      count: meanOf(({ count }) => count),
      precision: meanOf(({ neurons }) => mean(neurons.map(isPlanted))),
    };
  });
  collect('minimal', rows);
}

/** Changes of accuracy: of the planted group, of the kept ones, and of the planted group under random sets. */
function erasedRow(chosen, change, random) {
  const own = change[chosen.group];
  return { ...chosen, own, kept0: change[0], kept2: change[2], random: random?.[chosen.group] ?? null };
}

/** A criterion of this study alone: another one's scores, minus those for kept images. */
function isDifference(criterion) {
  return criterion.includes(MINUS);
}

/** A criterion's scores of all neurons; ` minus kept` takes those for the kept images of the class away. */
async function scoresOf(session, criterion, group) {
  const [name, minus] = criterion.split(MINUS);
  const scores = await session.scores(name, group);
  if (minus === undefined) return scores;
  const ofKept = await session.scores(name, group - 1);
  return scores.map((score, i) => score - ofKept[i]);
}

function placesOf(session, neurons) {
  return new Set(neurons.map((neuron) => session.position(neuron)));
}

/** The places of the highest scores. */
function firstOf(scores, count) {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, count);
}

function found(session, scores, known) {
  const places = placesOf(session, known);
  const layers = new Set(known.map(({ layer }) => layer));
  const inLayer = (place) => layers.has(placeAt(place, session.model.description.layers).layer);
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
    precision: firstOf(scores, places.size).filter((place) => places.has(place)).length / places.size,
  };
}
