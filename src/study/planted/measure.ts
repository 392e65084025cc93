import type { Split } from '../../data/split.js';
import { traceMinimalIn } from '../../experiments/traceMinimal.js';
import { type SessionOptions, TraceSession } from '../../experiments/traceSession.js';
import { type CsvRow, groupedBy } from '../../kit/rows.js';
import { evaluateModel } from '../../metrics/evaluate.js';
import { mannWhitney } from '../../metrics/mannWhitney.js';
import { mean } from '../../metrics/statistics.js';
import { native } from '../../native/addon.js';
import type { WeightEdit } from '../../native/interface.js';
import type { NeuronPlace } from '../../neurons/neuron.js';
import { nullNamed } from '../../neurons/nulls.js';
import { type NeuronValues, perturbedVariants, weightsIn, ZERO } from '../../neurons/perturb.js';
import { placeAt } from '../../neurons/select.js';
import { type GivenOf, resolveSettings } from '../../settings/setting.js';
import { type ERASED_SETTINGS, FOUND_SETTINGS } from './settings.js';

/** Planted groups are the odd ones: class * 2 + planted. */
const [KEPT, PLANTED] = [
  [0, 2],
  [1, 3],
] as const;
/** Random sets of neurons, and images of a kept group that are perturbed at most. */
const [DRAWS, SAMPLES] = [10, 400];
const BATCH_SIZE = 64;
/** Float32 has no smaller cross-entropy. */
const SMALLEST_LOSS = 2 ** -24;

type Erasure = 'zero' | 'rewind';

export interface FoundOptions extends SessionOptions, GivenOf<typeof FOUND_SETTINGS> {}

/** A run that planted memories: which neurons were trained, and their weights before. */
interface Planting {
  readonly session: TraceSession;
  readonly planted: readonly NeuronPlace[];
  readonly before: NeuronValues;
  readonly epochs: number;
  /** The columns of each of its rows. */
  readonly columns: CsvRow;
}

async function inPlanting(
  options: SessionOptions,
  measure: (planting: Planting) => Promise<CsvRow[]>,
): Promise<CsvRow[]> {
  using session = await TraceSession.open(options);
  const { folder, model } = session;
  const metrics = await folder.readMetrics();
  const planted = metrics[0]?.trained?.neurons ?? [];
  const before = await weightsIn(folder.weights(0), 'weights before', model, 'neuron');
  const layers = [...new Set(planted.map(({ layer }) => layer))].join(' ');
  const columns = { layer: layers, neurons: planted.length };
  return await measure({ session, planted, before, epochs: metrics.length, columns });
}

/** Accuracies of planted images, of their twins, and of kept groups in test, before and after planting: a row. */
export function plantingRows(options: SessionOptions): Promise<CsvRow[]> {
  return inPlanting(options, async (planting) => {
    const { session, planted, epochs, columns } = planting;
    const { dataset } = session;
    const on = async (split: Split, edits: readonly WeightEdit[]) => {
      const { correct, total } = await accuraciesOf(session, dataset.splits[split], edits);
      return (groups: readonly number[]): number => {
        const sum = (counts: readonly number[]): number =>
          groups.reduce((all, group) => all + (counts[group] ?? 0), 0);
        return sum(correct) / sum(total);
      };
    };
    // Nothing else was trained.
    const start = editsOf(planting, planted, 'rewind');
    const [trainBefore, testBefore] = [await on('train', start), await on('test', start)];
    const [train, test] = [await on('train', []), await on('test', [])];
    const images = dataset.counts.train.reduce((all, n, group) => all + (group % 2) * n, 0);
    const ofPlanted = { fittedBefore: trainBefore(PLANTED), fitted: train(PLANTED) };
    const twins = { twinsBefore: testBefore(PLANTED), twins: test(PLANTED) };
    const kept = { testBefore: testBefore(KEPT), test: test(KEPT) };
    return [{ ...columns, images, epochs, ...ofPlanted, ...twins, ...kept }];
  });
}

/** Returns how high each criterion's scores for planted images rank the planted neurons: one row per criterion and group. */
export function foundRows({ criteria, ...options }: FoundOptions): Promise<CsvRow[]> {
  const wanted = resolveSettings(FOUND_SETTINGS, 'article', { criteria }).criteria;
  return inPlanting(options, async ({ session, planted, columns }) => {
    const margins = await meanMargins(session);
    const places = new Set(planted.map((neuron) => session.position(neuron)));
    const layers = new Set(planted.map(({ layer }) => layer));
    const rows: CsvRow[] = [];
    for (const [criterion, group] of combinations(session.namesOf(wanted))) {
      const scores = await session.scores(criterion, group);
      const own = [...places].map((place) => scores[place] as number);
      const others = [...scores.keys()].filter((place) => !places.has(place));
      const inLayer = others.filter((place) => layers.has(placeAt(place, session.unitLayers).layer));
      /** The probability that a planted neuron has a higher score than another; a tie counts a half. */
      const aucAmong = (rest: readonly number[]): number =>
        mannWhitney(
          own,
          rest.map((place) => scores[place] as number),
        ).u /
        (own.length * rest.length);
      const isPlanted = firstOf(session, scores, planted.length).map((neuron) =>
        places.has(session.position(neuron)),
      );
      rows.push({
        ...columns,
        criterion,
        group,
        auc: aucAmong(others),
        aucInLayer: aucAmong(inLayer),
        precisionAtK: isPlanted.filter(Boolean).length / places.size,
        chance: places.size / session.numNeurons,
        chanceInLayer: places.size / (places.size + inLayer.length),
        margin: margins[group] ?? null,
      });
    }
    return rows;
  });
}

/**
 * Changes of accuracy where as many neurons as were planted are perturbed: those with a criterion's highest scores for planted images of a
 * class, random ones of the same layers, and the planted ones. A row for a criterion, group, perturbation and split.
 */
export function erasedRows(
  options: SessionOptions,
  { criteria = [], perturbations = [] }: GivenOf<typeof ERASED_SETTINGS>,
): Promise<CsvRow[]> {
  return inPlanting(options, async (planting) => {
    const { session, planted, columns } = planting;
    const chosen: { criterion: string; group: number; neurons: readonly NeuronPlace[] }[] = [];
    for (const [criterion, group] of combinations(session.namesOf(criteria))) {
      const scores = await session.scores(criterion, group);
      chosen.push({ criterion, group, neurons: firstOf(session, scores, planted.length) });
    }
    const rows: CsvRow[] = [];
    for (const split of ['train', 'test'] as const) {
      const images = measuredImages(session, split);
      const start = (await accuraciesOf(session, images)).accuracy;
      const ofPlanted = PLANTED.map((group) => ({ criterion: 'planted', group, neurons: planted }));
      for (const perturbation of ['zero', ...perturbations.filter((name) => name !== 'zero')] as const) {
        const sets = perturbation === 'zero' ? [...ofPlanted, ...chosen] : chosen;
        for (const { criterion, group, neurons } of sets) {
          const change = await changeOf(planting, images, start, neurons, perturbation);
          const isCompared = criterion !== 'planted' && perturbation === 'zero' && split === 'train';
          rows.push({
            ...columns,
            split,
            perturbation,
            criterion,
            group,
            ownChange: change[group] ?? null,
            ...Object.fromEntries(KEPT.map((kept) => [`kept${kept}`, change[kept] ?? null])),
            randomChange: isCompared ? await underRandom(planting, neurons, group) : null,
          });
        }
      }
    }
    return rows;
  });
}

/** Returns the mean size of the minimal sets of some images, and the share of planted neurons in them: one row per group. */
export function minimalRows(options: SessionOptions, settings: object): Promise<CsvRow[]> {
  return inPlanting(options, async ({ session, planted, columns }) => {
    const { examples } = await traceMinimalIn(session, settings);
    const places = new Set(planted.map((neuron) => session.position(neuron)));
    const isPlanted = (neuron: NeuronPlace): number => Number(places.has(session.position(neuron)));
    return groupedBy(examples, ['group']).map((own) => ({
      ...columns,
      group: own[0]?.group ?? null,
      examples: own.length,
      forgotten: mean(own.map(({ flipped }) => Number(flipped))),
      perImage: mean(own.map(({ count }) => count)),
      precisionAtK: mean(own.map(({ neurons }) => mean(neurons.map(isPlanted)))),
      chance: planted.length / session.numNeurons,
    }));
  });
}

function combinations(criteria: readonly string[]): [string, number][] {
  return criteria.flatMap((criterion) => PLANTED.map((group): [string, number] => [criterion, group]));
}

/** The neurons with the highest scores. */
function firstOf({ unitLayers }: TraceSession, scores: Float32Array, count: number): NeuronPlace[] {
  const places = [...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number));
  return places.slice(0, count).map((place) => placeAt(place, unitLayers));
}

function editsOf(
  { session, before }: Planting,
  neurons: readonly NeuronPlace[],
  kind: Erasure,
): readonly WeightEdit[] {
  const choice = { ...ZERO, kind, known: before };
  const [variant] = perturbedVariants(neurons, choice, session.model.description.layers);
  return variant?.edits ?? [];
}

/** The change of each group's accuracy where neurons are perturbed. */
async function changeOf(
  planting: Planting,
  images: Int32Array,
  start: readonly (number | null)[],
  neurons: readonly NeuronPlace[],
  kind: Erasure,
): Promise<number[]> {
  const { accuracy } = await accuraciesOf(planting.session, images, editsOf(planting, neurons, kind));
  return accuracy.map((after, group) => after - Number(start[group]));
}

/** The mean change of a planted group's training accuracy with random neurons of the same layers zeroed. */
async function underRandom(
  planting: Planting,
  neurons: readonly NeuronPlace[],
  group: number,
): Promise<number> {
  const { dataset, model, seed } = planting.session;
  const images = dataset.splits.train.filter((index) => dataset.groups[index] === group);
  const from = { layers: model.description.layers, magnitudes: await planting.session.magnitudes() };
  const draw = nullNamed('same-layers').drawer(neurons, from);
  const generator = new (native().Generator)(seed);
  const start = (await accuraciesOf(planting.session, images)).accuracy;
  const changes: number[] = [];
  for (let i = 0; i < DRAWS; i++)
    changes.push((await changeOf(planting, images, start, draw(generator), 'zero'))[group] as number);
  return mean(changes);
}

/** The mean margin of each group's training images, in logits: with two classes, the cross-entropy gives it. */
async function meanMargins({ dataset, loader, model }: TraceSession): Promise<number[]> {
  const { train } = dataset.splits;
  const { losses } = await evaluateModel(model, loader, train, { batchSize: BATCH_SIZE, task: 'margins' });
  const margins = Array.from(losses, (loss) => -Math.log(Math.expm1(Math.max(loss, SMALLEST_LOSS))));
  return dataset.groupNames.map((_, group) =>
    mean(margins.filter((_margin, i) => dataset.groups[train[i] as number] === group)),
  );
}

async function accuraciesOf(
  { loader, model }: TraceSession,
  images: Int32Array,
  edits: readonly WeightEdit[] = [],
) {
  const options = { batchSize: BATCH_SIZE, task: 'erasing', edits };
  return (await evaluateModel(model, loader, images, options)).accuracies;
}

/** All planted images of a split, and the first ones of each kept group. */
function measuredImages({ dataset }: TraceSession, split: Split): Int32Array {
  const seen = new Map<number, number>();
  return dataset.splits[split].filter((index) => {
    const group = dataset.groups[index] as number;
    const count = (seen.get(group) ?? 0) + 1;
    seen.set(group, count);
    return group % 2 === 1 || count <= SAMPLES;
  });
}
