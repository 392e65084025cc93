import { SpurmemError } from '../errors.js';
import { evaluateModel, type Evaluation } from '../metrics/evaluate.js';
import { native } from '../native/addon.js';
import type { Neuron, NeuronPlace } from '../neurons/neuron.js';
import { maskNeurons } from '../neurons/perturb.js';
import { gradientScores } from '../neurons/score.js';
import { requireTopK, selectTopK } from '../neurons/select.js';
import { type GivenOf, resolveSettings } from '../settings/setting.js';
import {
  compareMinorities,
  MINIMAL_SETTINGS,
  type MinimalExample,
  type ReferenceState,
  summarizeMinimal,
  type TraceMinimalResult,
} from './minimal.js';
import { samplesOfGroups } from './samples.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';

/** Settings of a minimal trace; defaults are the protocol's. */
type MinimalChoices = GivenOf<typeof MINIMAL_SETTINGS>;

export interface TraceMinimalOptions
  extends
    Omit<
      SessionOptions,
      'protocol' | 'heldOutHalf' | 'gradientOrder' | 'gradientWorst' | 'gradientDrawn' | 'magnitudeLayers'
    >,
    MinimalChoices {}

/**
 * How few neurons hold a training example (Maini et al., "Can Neural Network Memorization Be Localized?", ICML 2023): zeroes the neuron
 * whose zeroing raises the example's loss most, while that of reference examples stays, then the next one without it, until the
 * example is predicted wrong. Examples and reference examples are training examples that the model predicts right: the loss of wrong
 * ones is so much steeper that the search would mend them instead. Writes `results/trace-minimal.json`.
 *
 * Neurons are channels or rows; the authors' code also zeroes single parameters of batch-norm and linear layers.
 *
 * @throws `NEURONS_INVALID` when the model has fewer neurons than `maxNeurons`, `USAGE` for options out of range and for a run
 *   that predicts next to nothing right, and what `TraceSession.open` throws
 */
export async function traceMinimal(options: TraceMinimalOptions): Promise<TraceMinimalResult> {
  return traceAlone(MINIMAL_SETTINGS, options, traceMinimalIn);
}

/** Like `traceMinimal`, in an open session. */
export async function traceMinimalIn(
  session: TraceSession,
  options: MinimalChoices,
): Promise<TraceMinimalResult> {
  const { dataset, job } = session;
  const settings = resolveSettings(MINIMAL_SETTINGS, session.settings.protocol, options);
  const { examples: examplesPerGroup, referenceSize, maxNeurons } = settings;
  requireTopK(maxNeurons, session.numNeurons, 'the model', 'maxNeurons');
  const { reference, chosen } = await drawExamples(session, referenceSize, examplesPerGroup);
  const before = await evaluated(session, reference, []);

  const examples: MinimalExample[] = [];
  const report = (): void => {
    const done = examples.length;
    job.onProgress?.({ task: 'minimal neurons', done, total: chosen.length, unit: 'examples' });
  };
  for (const index of chosen) {
    report();
    const found = await minimalNeurons(session, index, reference, maxNeurons);
    const after = await evaluated(session, reference, found.neurons);
    const state = (of: Evaluation): ReferenceState => stateWithout(index, reference, of, dataset.labels);
    examples.push({
      group: dataset.groups[index] as number,
      filename: dataset.examples[index]?.filename ?? '',
      count: found.neurons.length,
      ...found,
      reference: { before: state(before), after: state(after) },
    });
  }
  report();
  const { checkpoint, epoch, unit, numNeurons, loss, precision } = session.header;
  const result: TraceMinimalResult = {
    kind: 'trace-minimal',
    checkpoint,
    ...(epoch === undefined ? {} : { epoch }),
    unit,
    numNeurons,
    loss,
    ...(precision === undefined ? {} : { precision }),
    examplesPerGroup,
    referenceSize: reference.length,
    maxNeurons,
    seed: session.seed,
    groups: dataset.groupNames.map((_, group) =>
      summarizeMinimal(examples.filter((example) => example.group === group)),
    ),
    comparison: compareMinorities(examples, dataset.minorityGroups),
    examples,
  };
  await session.record(result);
  return result;
}

/** Draws examples of each group, and those for reference, from the training examples that the model predicts right. */
async function drawExamples(session: TraceSession, referenceSize: number, perGroup: number) {
  const { dataset, seed } = session;
  const { train } = dataset.splits;
  const { predictions } = await evaluated(session, train, []);
  const right = train.filter((index, i) => predictions[i] === dataset.labels[index]);
  if (right.length < 2) throw nothingToForget(right.length, train.length);
  // A generator of its own: the order of the draws does not depend on the architecture.
  const generator = new (native().Generator)(seed);
  const reference = generator
    .randperm(right.length)
    .slice(0, referenceSize)
    .map((position) => right[position] as number);
  return { reference, chosen: samplesOfGroups(dataset, right, perGroup, generator) };
}

/**
 * The growth of [loss of the example - mean loss of the other reference examples] where a neuron is zeroed, to first order, under the
 * neurons that are zeroed already, whose own scores are 0: [M] in layer order.
 *
 * @param example position in the dataset's examples, as those of `reference`
 */
export async function minimalScores(
  { model, loader, job, unit, settings }: TraceSession,
  example: number,
  reference: Int32Array,
  zeroed: readonly NeuronPlace[],
): Promise<Float32Array> {
  const others = reference.filter((index) => index !== example);
  const weights = new Float32Array(1 + others.length).fill(-1 / others.length);
  weights[0] = 1;
  return gradientScores(model, loader, Int32Array.of(example, ...others), {
    batchSize: job.batchSize,
    signal: job.signal,
    unit,
    loss: settings.loss,
    weights,
    edits: maskNeurons(zeroed, unit).edits,
    timesWeight: true,
  });
}

/** Zeroes neurons one after the other, until the example is predicted wrong or `max` are zeroed. */
async function minimalNeurons(
  session: TraceSession,
  example: number,
  reference: Int32Array,
  max: number,
): Promise<Pick<MinimalExample, 'flipped' | 'loss'> & { neurons: Neuron[] }> {
  const neurons: Neuron[] = [];
  const state = async () => {
    const { losses, predictions } = await evaluated(session, Int32Array.of(example), neurons);
    return { loss: losses[0] as number, isRight: predictions[0] === session.dataset.labels[example] };
  };
  const first = await state();
  let last = first;
  while (last.isRight && neurons.length < max) {
    const scores = await minimalScores(session, example, reference, neurons);
    const isZeroed = new Set(neurons.map((neuron) => session.position(neuron)));
    // At least one of these is not zeroed yet.
    const candidates = selectTopK(scores, session.unitLayers, neurons.length + 1);
    neurons.push(candidates.find((neuron) => !isZeroed.has(session.position(neuron))) as Neuron);
    last = await state();
  }
  return { flipped: !last.isRight, neurons, loss: { before: first.loss, after: last.loss } };
}

/** Evaluates the model without some neurons. Reports no progress: the job's bar counts examples. */
function evaluated(
  { model, loader, job, unit, settings }: TraceSession,
  indices: Int32Array,
  zeroed: readonly NeuronPlace[],
): Promise<Evaluation> {
  const { batchSize, signal } = job;
  const { edits } = maskNeurons(zeroed, unit);
  const { loss } = settings;
  return evaluateModel(model, loader, indices, { batchSize, signal, edits, loss, task: 'minimal neurons' });
}

function nothingToForget(right: number, all: number): SpurmemError {
  const problem = `The model of \`run\` predicts ${right} of ${all} training examples right: there is nothing to forget.`;
  const advice = ['Trace a run that was trained for longer.'];
  return new SpurmemError('USAGE', problem, { parameter: 'run', advice });
}

function stateWithout(
  example: number,
  reference: Int32Array,
  { losses, predictions }: Evaluation,
  labels: Int32Array,
): ReferenceState {
  const places = [...reference.keys()].filter((i) => reference[i] !== example);
  const mean = (valueAt: (i: number) => number): number =>
    places.reduce((sum, i) => sum + valueAt(i), 0) / places.length;
  return {
    accuracy: mean((i) => Number(predictions[i] === labels[reference[i] as number])),
    loss: mean((i) => losses[i] as number),
  };
}
