// Measures where runs that left images out keep the memory of a class's images (studies/membership/plan.md):
//   node scripts/studies/membership/measure.mjs [--sets early|birds] [--epoch N] OUT.csv RUN...
// A row per set of neurons and group: how well margins tell trained from left-out images, and how far the set scrambles left-out ones. Rows of
// runs that OUT.csv has are kept, so that a stopped measurement goes on. --epoch takes a kept epoch's weights.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { evaluateVariants } from '#src/experiments/evaluateVariants.js';
import { TraceSession } from '#src/experiments/traceSession.js';
import { mannWhitney } from '#src/metrics/mannWhitney.js';
import { midranks } from '#src/metrics/midranks.js';
import { mean } from '#src/metrics/statistics.js';
import { native } from '#src/native/addon.js';
import { nullNamed } from '#src/neurons/nulls.js';
import { maskNeurons, perturbedVariants, weightsIn } from '#src/neurons/perturb.js';
import { selectTopK } from '#src/neurons/select.js';
import { imagesOf } from '#src/train/runData.js';

const COLUMNS = [
  'run',
  'seed',
  'chosenFor',
  'set',
  'k',
  'draw',
  'group',
  'auc',
  'damage',
  'trained',
  'leftOut',
  'neurons',
];
const FEW = {
  criteria: ['gradient', 'gradient-x-weight'],
  counts: [1, 3, 10, 30, 100],
  layerDraws: 0,
  isSecondary: false,
  oracleImages: 100,
  judgedImages: Infinity,
};
/** What is measured, by the plan that asks for it. */
const SETS = {
  /** plan.md: the second oracle, rewound layers and a control's planted neurons (`isSecondary`) as well. */
  all: {
    ...FEW,
    criteria: [...FEW.criteria, 'gradient-x-weight-contrast', 'learned-mask'],
    layerDraws: 4,
    isSecondary: true,
  },
  /** early.md and vit.md */
  early: { ...FEW, counts: [1, 3, 10] },
  /** The birds of plan.md, as its departures say, and of early.md. */
  birds: { ...FEW, oracleImages: 50, judgedImages: 100 },
};
const {
  values: { sets: asked, epoch },
  positionals: [out, ...runs],
} = parseArgs({
  allowPositionals: true,
  options: { sets: { type: 'string', default: 'all' }, epoch: { type: 'string' } },
});
if (!Object.hasOwn(SETS, asked))
  throw new Error(`--sets is one of ${Object.keys(SETS).join(', ')}, not ${asked}`);
/** The oracle measures neurons alone on at most `oracleImages` trained and left-out images of each group; `judgedImages` bounds the judged ones. */
const { criteria, counts, layerDraws, isSecondary, oracleImages, judgedImages } = SETS[asked];
/** Random sets of the whole model, more neurons than the chosen ones, so that their damage covers theirs. */
const WHOLE = { counts: [1, 3, 10, 30, 100, 300], draws: 10 };
/** The oracle zeroes this many neurons, one by one. */
const CANDIDATES = 200;

const known = await readFile(out, 'utf8').catch(() => '');
if (known === '') await writeFile(out, `${COLUMNS.join(',')}\n`);
const done = new Set(parse(known, { columns: true }).map(({ run }) => run));

/** Half of some indices, by a generator. */
function half(indices, generator) {
  const order = generator.randperm(indices.length);
  const first = new Set([...order.slice(0, Math.floor(indices.length / 2))].map((i) => indices[i]));
  return [indices.filter((index) => first.has(index)), indices.filter((index) => !first.has(index))];
}

/** At most `judgedImages` of some indices, by a generator. */
function fewer(indices, generator) {
  if (indices.length <= judgedImages) return indices;
  return [...generator.randperm(indices.length)].slice(0, judgedImages).map((i) => indices[i]);
}

/** Spearman's rank correlation. */
function rankCorrelation(a, b) {
  const [x, y] = [midranks(a), midranks(b)];
  const mean = (a.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (const i of a.keys()) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}

/** Half A as the oracle sees it: each group's trained and left-out images, and how far apart their margins are. */
class Membership {
  /** @param parts of half A, a group each: `trained` and `leftOut` */
  constructor(parts) {
    this.parts = parts.map(({ trained, leftOut }) => ({ trained: [...trained], leftOut: [...leftOut] }));
    this.leftOut = this.parts.flatMap(({ leftOut }) => leftOut);
    this.indices = Int32Array.from([...this.parts.flatMap(({ trained }) => trained), ...this.leftOut]);
  }

  /** Mean margin of trained images minus that of left-out ones, in standard deviations of the left-out margins; groups weigh the same. */
  distance(marginOf) {
    const { centers, spread } = this.#moments(marginOf);
    return mean(centers.map(([trained, leftOut]) => (trained - leftOut) / spread));
  }

  /** The distance's derivative by each image's margin. */
  slopes(marginOf) {
    const { centers, spread, center } = this.#moments(marginOf);
    const distance = this.distance(marginOf);
    const slopes = new Map();
    for (const { trained, leftOut } of this.parts) {
      for (const index of trained) slopes.set(index, 1 / trained.length / spread / centers.length);
      for (const index of leftOut) {
        const byCenter = 1 / leftOut.length / spread / centers.length;
        const bySpread = ((marginOf(index) - center) * distance) / this.leftOut.length / spread ** 2;
        slopes.set(index, -byCenter - bySpread);
      }
    }
    return slopes;
  }

  #moments(marginOf) {
    const all = this.leftOut.map(marginOf);
    const center = mean(all);
    const spread = Math.sqrt(mean(all.map((margin) => (margin - center) ** 2)));
    const centers = this.parts.map(({ trained, leftOut }) =>
      [trained, leftOut].map((indices) => mean(indices.map(marginOf))),
    );
    return { center, spread, centers };
  }
}

/** Each image's margin (the class's logit minus the largest other one), and the places of the two logits. */
function marginsOf(values, labels, classes) {
  return labels.map((label, i) => {
    const row = values.subarray(i * classes, (i + 1) * classes);
    const other = row.reduce((top, value, c) => (c !== label && (top < 0 || value > row[top]) ? c : top), -1);
    return { margin: row[label] - row[other], places: [i * classes + label, i * classes + other] };
  });
}

/** Scores all neurons by how much zeroing each shrinks the distance, to first order: -(g . w), with the sign turned. */
async function firstOrder({ model, loader, job }, membership) {
  const { network } = model;
  const { labels, numClasses } = loader.dataset;
  const pass = async (use, grad) => {
    for await (const batch of loader.evaluation(membership.indices, job.batchSize)) {
      const { logits } = await network.run(batch.images, { grad });
      const own = Array.from(batch.indices, (index) => labels[index]);
      await use(logits, batch.indices, marginsOf(await logits.data(), own, numClasses));
      for (const used of [logits, batch]) used[Symbol.dispose]();
    }
  };
  const margins = new Map();
  await pass(
    (_logits, indices, own) => own.forEach(({ margin }, i) => margins.set(indices[i], margin)),
    false,
  );
  const slopes = membership.slopes((index) => margins.get(index));
  await network.zeroGrad();
  try {
    await pass(async (logits, indices, own) => {
      const weight = new Float32Array(indices.length * numClasses);
      for (const [i, { places }] of own.entries()) {
        weight[places[0]] = slopes.get(indices[i]);
        weight[places[1]] = -slopes.get(indices[i]);
      }
      const sum = await native().combine([{ tensor: logits, weight }]);
      await sum.backward();
      sum[Symbol.dispose]();
    }, true);
    const scores = await network.neuronScores('gradient-x-weight', 'neuron');
    return (await scores.data()).map((score) => -score);
  } finally {
    await network.zeroGrad();
  }
}

/**
 * The oracle's neurons, best first: of those that shrink the distance most to first order, each is zeroed alone on half A, and the fall of the
 * distance beyond what its damage explains ranks them.
 */
async function oracle(session, membership, groups) {
  const candidates = selectTopK(await firstOrder(session, membership), session.unitLayers, CANDIDATES);
  const masks = candidates.map((neuron) => ({ ...maskNeurons([neuron], session.unit), groups }));
  const { before, after } = await marginsUnder(session, membership.indices, masks);
  const effects = masks.map(({ key }, i) => ({
    neuron: candidates[i],
    fall: membership.distance(before) - membership.distance(after.get(key)),
    damage: 1 - rankCorrelation(membership.leftOut.map(before), membership.leftOut.map(after.get(key))),
  }));
  const slope =
    effects.reduce((sum, { fall, damage }) => sum + fall * damage, 0) /
    effects.reduce((sum, { damage }) => sum + damage ** 2, 0);
  return effects
    .sort((a, b) => b.fall - slope * b.damage - (a.fall - slope * a.damage))
    .map(({ neuron }) => neuron);
}

/** Each image's margin, of the model (`before`) and of each variant (`after`, by its key), as functions of an image. */
async function marginsUnder({ model, loader, job }, indices, variants) {
  const place = new Map([...indices].map((index, i) => [index, i]));
  const own = new Float64Array(indices.length);
  const after = new Map();
  const onJudged = (key, examples, before, other) => {
    const values = after.get(key) ?? new Float64Array(indices.length);
    after.set(key, values);
    for (const [i, index] of examples.entries()) {
      own[place.get(index)] = before.margins[i];
      values[place.get(index)] = other.margins[i];
    }
  };
  await evaluateVariants(model, loader, indices, variants, { ...job, task: 'membership', onJudged });
  const of = (values) => (index) => values[place.get(index)];
  return { before: of(own), after: new Map([...after].map(([key, values]) => [key, of(values)])) };
}

async function measure(session, run) {
  const { dataset, model, unit, unitLayers: layers, config, folder } = session;
  const generator = new (native().Generator)(config.seed);
  const all = imagesOf(dataset, 'train');
  const inTraining = new Set(dataset.splits.train);
  const chosenOn = new Set(session.chosenOn);
  const ofGroup = dataset.groupNames.map((_, group) => {
    const own = all.filter((index) => dataset.groups[index] === group);
    const trained = own.filter((index) => inTraining.has(index));
    const [choosing, judged] = half(
      own.filter((index) => !inTraining.has(index)),
      generator,
    );
    return {
      group,
      choosing: { group, trained: trained.filter((index) => chosenOn.has(index)), leftOut: choosing },
      judged: {
        trained: fewer(
          trained.filter((index) => !chosenOn.has(index)),
          generator,
        ),
        leftOut: fewer(judged, generator),
      },
    };
  });
  const from = { layers, magnitudes: await session.magnitudes() };
  const earlier = {};
  for (const epoch of isSecondary ? [0, 1] : []) {
    earlier[epoch] = await weightsIn(folder.weights(epoch), `weights of epoch ${epoch}`, model, unit);
  }
  const rows = [];
  for (const chosenFor of dataset.minorityGroups) {
    const groups = session.groupsOfClass(chosenFor);
    const parts = groups.map((group) => ofGroup[group]);
    const sets = [{ set: 'none', k: 0, draw: 0, neurons: [], variant: undefined }];
    const add = (set, k, draw, neurons, variant = maskNeurons(neurons, unit)) =>
      sets.push({ set, k, draw, neurons, variant });
    const most = Math.max(...counts);
    const few = ({ choosing: { trained, leftOut } }) => ({
      trained: trained.slice(0, oracleImages),
      leftOut: leftOut.slice(0, oracleImages),
    });
    const chosen = [['oracle', await oracle(session, new Membership(parts.map(few)), groups)]];
    if (isSecondary)
      chosen.push([
        'oracle of the group',
        await oracle(session, new Membership([few(ofGroup[chosenFor])]), groups),
      ]);
    for (const criterion of criteria)
      chosen.push([criterion, await session.select(criterion, chosenFor, most)]);
    for (const [set, neurons] of chosen) {
      for (const k of counts) {
        const top = neurons.slice(0, k);
        add(set, k, 0, top);
        const draw = nullNamed('same-layers').drawer(top, from);
        for (let i = 0; i < layerDraws; i += 1) add(`same-layers ${set}`, k, i, draw(generator));
      }
    }
    for (const k of WHOLE.counts) {
      const draw = nullNamed('whole-model').drawer(
        Array.from({ length: k }, () => layers[0]),
        from,
      );
      for (let i = 0; i < WHOLE.draws; i += 1) add('whole-model', k, i, draw(generator));
    }
    const stages = new Map();
    for (const { name, size } of layers) {
      const places = Array.from({ length: size }, (_, index) => ({ layer: name, index }));
      const stage = name.split('.')[0];
      stages.set(stage, [...(stages.get(stage) ?? []), ...places]);
      if (name !== stage) stages.set(name, places);
    }
    for (const [name, places] of stages) {
      for (const epoch of Object.keys(earlier)) {
        const choice = { kind: 'rewind', sigma: null, seeds: [], known: earlier[epoch] };
        const [variant] = perturbedVariants(places, choice, model.description.layers, unit);
        add(`rewound ${name} to ${epoch}`, places.length, 0, [], variant);
      }
    }
    // Where a memory was planted, the neurons that hold it.
    const planted = (await folder.readMetrics())[0]?.trained?.neurons;
    if (planted !== undefined && isSecondary) {
      add('planted', planted.length, 0, planted);
      const choice = { kind: 'rewind', sigma: null, seeds: [], known: earlier[0] };
      add(
        'rewound planted',
        planted.length,
        0,
        planted,
        perturbedVariants(planted, choice, model.description.layers, unit)[0],
      );
    }
    const judged = Int32Array.from(parts.flatMap((part) => [...part.judged.trained, ...part.judged.leftOut]));
    const variants = sets.flatMap(({ variant }) => (variant === undefined ? [] : [{ ...variant, groups }]));
    const { before, after } = await marginsUnder(session, judged, variants);
    const leftOut = parts.flatMap((part) => [...part.judged.leftOut]);
    const at = (marginOf, indices) => Array.from(indices, marginOf);
    for (const { set, k, draw, neurons, variant } of sets) {
      const margins = variant === undefined ? before : after.get(variant.key);
      const damage = 1 - rankCorrelation(at(before, leftOut), at(margins, leftOut));
      for (const part of parts) {
        const [yes, no] = [at(margins, part.judged.trained), at(margins, part.judged.leftOut)];
        const auc = mannWhitney(yes, no).u / (yes.length * no.length);
        const named =
          draw === 0 && k <= 30 ? neurons.map(({ layer, index }) => `${layer}:${index}`).join(' ') : '';
        rows.push([
          run,
          config.seed,
          chosenFor,
          set,
          k,
          draw,
          part.group,
          auc.toFixed(5),
          damage.toFixed(5),
          yes.length,
          no.length,
          named,
        ]);
      }
    }
  }
  return rows;
}

for (const run of runs) {
  if (done.has(run)) continue;
  const start = performance.now();
  const session = await TraceSession.open({
    run,
    heldOutHalf: true,
    threads: 1,
    ...(epoch === undefined ? {} : { epoch: Number(epoch) }),
  });
  const rows = await measure(session, run);
  session[Symbol.dispose]();
  await appendFile(out, rows.map((row) => `${row.join(',')}\n`).join(''));
  console.log(`${run}: ${rows.length} rows, ${((performance.now() - start) / 1000).toFixed(0)} s`);
}
