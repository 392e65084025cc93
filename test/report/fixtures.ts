import type { Split } from '../../src/data/split.js';
import type { GradCamResult, HeatExample, MeanShare } from '../../src/experiments/gradCamResult.js';
import {
  compareMinorities,
  type MinimalExample,
  summarizeMinimal,
  type TraceMinimalResult,
} from '../../src/experiments/minimal.js';
import { OUTCOMES } from '../../src/experiments/outcomes.js';
import type {
  LayerEntry,
  NullComparison,
  OutcomeTests,
  OverlapEntry,
  SetComparisons,
  TraceEntry,
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../../src/experiments/results.js';
import { type GroupAccuracies, groupAccuracies } from '../../src/metrics/groups.js';
import { accuracyInterval, changeInterval } from '../../src/metrics/intervals.js';
import { monteCarloTest } from '../../src/metrics/monteCarlo.js';
import { mean } from '../../src/metrics/statistics.js';
import type { CriterionName } from '../../src/neurons/criteria.js';
import type { Neuron } from '../../src/neurons/neuron.js';
import { NULL_NAMES } from '../../src/neurons/nulls.js';
import type { RunReport } from '../../src/report/figure.js';
import type { EpochMetrics, TrainingResult } from '../../src/train/results.js';

/** Group sizes of a small dominoes run; group 2 has 56 training samples, so one of them is 1.79 points. */
export const TRAIN = [3498, 184, 56, 1057];
export const VAL = [467, 466, 133, 133];
export const TEST = [900, 300, 280, 420];
export const NAMES = ['pullover with 0', 'pullover with 1', 'coat with 0', 'coat with 1'];
export const MINORITY = [1, 2];

export const erm: TrainingResult = {
  kind: 'erm',
  epochs: 12,
  bestEpoch: 9,
  train: groupAccuracies([3498, 183, 55, 1057], TRAIN, TRAIN),
  val: groupAccuracies([465, 310, 26, 127], VAL, TRAIN),
  test: groupAccuracies([899, 198, 50, 399], TEST, TRAIN),
};

const LAYERS = ['conv1', 'layer3.0.downsample.0', 'layer4.1.conv2'];

function neurons(criterion: CriterionName, group: number, k: number): Neuron[] {
  return Array.from({ length: k }, (_, at) => ({
    layer: LAYERS[(group + at) % LAYERS.length] ?? 'fc',
    index: 17 * (criterion === 'gradient' ? group + 1 : 1) + at,
    score: (criterion === 'gradient' ? 0.04217 : 3.918) / (at + 1),
  }));
}

/** The header that all traces share. */
const SESSION = {
  checkpoint: '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
  unit: 'neuron',
  numNeurons: 4800,
  protocol: 'article',
  loss: 'cross-entropy',
  magnitudeLayers: 'all',
  gradientSource: { worst: 256, drawn: 128, order: 'highest-loss', seed: 0 },
  criteria: ['gradient', 'magnitude'],
} as const;

const RANDOM = {
  samples: 1000,
  nullDraws: 100,
  exceedances: 10,
  nulls: NULL_NAMES,
  nullCost: { naiveForwards: 240_000, runForwards: 120_000, ratio: 0.5 },
};

/** Changes of 100 random draws: a fifth as wide as the chosen neurons' change, and a sample; most of them losses. */
function drawn(change: number, total: number): number[] {
  const size = Math.abs(change) / 5 + 1.2 / total;
  return Array.from({ length: 100 }, (_, draw) => size * (Math.sin(7 * draw) - 0.4));
}

export function testsOf(change: number, total: number): OutcomeTests {
  const tests = OUTCOMES.map((outcome) => {
    const scale = { accuracy: 1, margin: 10, loss: -1 }[outcome];
    const test = monteCarloTest(
      scale * change,
      drawn(change, total).map((value) => scale * value),
      RANDOM,
    );
    return [outcome, { change: scale * change, ...test }];
  });
  return Object.fromEntries(tests) as OutcomeTests;
}

/** One comparison for every null. */
function againstAll(comparison: NullComparison): SetComparisons {
  return Object.fromEntries(NULL_NAMES.map((null_) => [null_, comparison]));
}

const around = (value: number) => [value - 0.1, value + 0.1] as const;

/** Changes compared with random ones; margins are ten times the accuracies, losses their opposite. */
function comparedAs(changes: readonly number[], total: readonly number[]) {
  const minority = mean(MINORITY.map((group) => changes[group] ?? 0));
  const majority = mean(changes.filter((_, group) => !MINORITY.includes(group)));
  const margin = changes.map((change) => 10 * change);
  const loss = changes.map((change) => -change);
  return {
    margin,
    marginInterval: margin.map(around),
    loss,
    lossInterval: loss.map(around),
    difference: {
      accuracy: minority - majority,
      margin: 10 * (minority - majority),
      loss: majority - minority,
    },
    lost: [],
    comparisons: againstAll({
      groups: changes.map((change, g) => testsOf(change, total[g] ?? 0)),
      difference: testsOf(minority - majority, Math.min(...total)),
    }),
  };
}

/** An entry by the correct examples of each group. */
function entryOf(
  set: Pick<TraceEntry, 'criterion' | 'group' | 'k' | 'neurons'>,
  correct: readonly number[],
  baseline: GroupAccuracies,
): TraceEntry {
  const { total } = baseline;
  const { accuracy, interval } = groupAccuracies(correct, total, total);
  const change = accuracy.map((value, g) => value - (baseline.accuracy[g] ?? 0));
  return {
    ...set,
    sigma: null,
    accuracy,
    changeStd: null,
    change,
    accuracyInterval: interval,
    changeInterval: total.map((size, g) => {
      const lost = (baseline.correct[g] ?? 0) - (correct[g] ?? 0);
      return changeInterval({ total: size, lost: Math.max(lost, 0), gained: Math.max(-lost, 0) });
    }),
    ...comparedAs(change, total),
  };
}

function entry(criterion: CriterionName, group: number, k: number, lost: readonly number[]): TraceEntry {
  return entryOf(
    { criterion, group, k, neurons: neurons(criterion, criterion === 'gradient' ? group : 0, k) },
    erm.train.correct.map((correct, at) => correct - (lost[at] ?? 0)),
    erm.train,
  );
}

// Correct samples lost in each group, for the neurons chosen for each group and k = 1, 2, 3.
const GRADIENT_LOSS = [
  ['3 0 0 0', '9 1 0 1', '21 1 1 1'],
  ['0 7 0 0', '1 12 1 0', '2 16 1 1'],
  ['0 1 3 1', '0 1 5 2', '1 2 6 5'],
  ['0 0 -1 4', '0 0 0 6', '1 0 0 9'],
];
const MAGNITUDE_LOSS = ['1 2 0 1', '4 3 1 1', '5 6 3 2'];
const counts = (text = ''): number[] => text.split(' ').map(Number);

export const trace: TraceUnstructuredResult = {
  kind: 'trace-unstructured',
  ...SESSION,
  split: 'train',
  perturbation: 'zero',
  seeds: [],
  topK: [1, 2, 3],
  comparedTopK: [1, 2, 3],
  ...RANDOM,
  cost: { naiveForwards: 115_080, runForwards: 61_300, ratio: 0.5327 },
  baseline: erm.train,
  pictures: [],
  entries: [0, 1, 2, 3].flatMap((group) =>
    [1, 2, 3].flatMap((k) => [
      entry('gradient', group, k, counts(GRADIENT_LOSS[group]?.[k - 1])),
      entry('magnitude', group, k, counts(MAGNITUDE_LOSS[k - 1])),
    ]),
  ),
};

/** A short training run whose best validation worst-group accuracy is at `best`. */
export function epochs(
  length: number,
  best: number,
  sizes: readonly number[],
  train = sizes,
): EpochMetrics[] {
  return Array.from({ length }, (_, at) => {
    const rise = (at + 1) / length;
    const share = (group: number): number =>
      group % 3 === 0 ? 0.9 + 0.09 * rise : 0.1 + (at + 1 === best ? 0.25 : 0.12 * rise) + 0.09 * group;
    const correct = sizes.map((size, group) => Math.round(size * Math.min(1, share(group))));
    return {
      epoch: at + 1,
      lr: 1e-4,
      trainLoss: 0.42 * Math.exp(-2.5 * rise),
      train: groupAccuracies(
        train.map((size) => Math.round(size * (0.8 + 0.2 * rise))),
        train,
        train,
      ),
      valLoss: 0.38 + 0.3 * rise * rise,
      val: groupAccuracies(correct, sizes, train),
      best: at + 1 === best,
      seconds: 24.6,
    };
  });
}

export const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** A trace with images that groups lost to their neurons. */
export function withLostImages(of: TraceUnstructuredResult): TraceUnstructuredResult {
  const first = (group: number) =>
    Array.from({ length: 12 }, (_, i) => ({ example: 20 * group + i, predicted: group < 2 ? 1 : 0 }));
  return {
    ...of,
    entries: of.entries.map((entry) => ({
      ...entry,
      lost: NAMES.map((_, group) => ({
        count: group === entry.group ? 14 : 0,
        first: group === entry.group ? first(group) : [],
      })),
    })),
    pictures: NAMES.flatMap((_, group) =>
      first(group).map((lost, i) => ({
        example: lost.example,
        filename: `images/train/${group}/000${i}.png`,
        group,
        label: group < 2 ? 0 : 1,
        image: { dataUri: PIXEL, width: 32, height: 64 },
      })),
    ),
  };
}

/** One epoch, nothing evaluated and nothing traced yet. */
export const oneEpoch: RunReport = {
  title: 'One epoch',
  arch: 'resnet18',
  dataset: {
    name: 'dominoes',
    groupNames: NAMES,
    minorityGroups: MINORITY,
    counts: { train: TRAIN, val: VAL, test: TEST },
  },
  config: [],
  epochs: epochs(1, 1, VAL, TRAIN),
  traces: [],
  history: [],
  versions: [],
};

/** Four groups, two of them minorities: training, evaluation and both criteria. */
export const fullReport: RunReport = {
  ...oneEpoch,
  title: 'ERM on dominoes',
  dataset: {
    ...oneEpoch.dataset,
    samples: [0, 1, 2, 3].map((group) => ({
      group,
      images: [1, 2].map(() => ({ dataUri: PIXEL, width: 1, height: 1 })),
    })),
  },
  config: [
    ['model', 'resnet18'],
    ['lr', '0.0001'],
    ['seed', '0'],
  ],
  epochs: epochs(12, 9, VAL, TRAIN),
  result: erm,
  traces: [trace],
  versions: [
    ['spurmem', '0.1.0'],
    ['libtorch', '2.6.0'],
  ],
};

const EIGHT = [900, 40, 35, 700, 520, 28, 31, 610];
const eight = (share: (group: number) => number): GroupAccuracies =>
  groupAccuracies(
    EIGHT.map((size, at) => Math.round(share(at) * size)),
    EIGHT,
    EIGHT,
  );
const ALL_RIGHT = eight(() => 1);

/** Eight groups with long names, the same trace shape. */
export const eightGroups: RunReport = {
  ...oneEpoch,
  title: 'Eight groups',
  dataset: {
    name: 'hair and glasses',
    groupNames: EIGHT.map((_, group) => `attribute combination number ${group}`),
    minorityGroups: [1, 2, 5, 6],
    counts: { train: EIGHT, val: EIGHT, test: EIGHT },
  },
  epochs: epochs(30, 21, EIGHT),
  result: {
    kind: 'erm',
    epochs: 30,
    bestEpoch: 21,
    train: ALL_RIGHT,
    val: eight(() => 0.8),
    test: eight((at) => 0.95 - 0.05 * at),
  },
  traces: [
    {
      ...trace,
      baseline: ALL_RIGHT,
      entries: EIGHT.flatMap((_, group) =>
        [1, 2, 3].map((k) =>
          entryOf(
            { criterion: 'gradient', group, k, neurons: neurons('gradient', group, k) },
            EIGHT.map((size, at) => size - (at === group ? k : 0)),
            ALL_RIGHT,
          ),
        ),
      ),
    },
  ],
};

/** The convolutions of a torchvision ResNet in parameter order, by the number of blocks of each stage. */
export function resnetLayers(blocks: readonly number[], convolutions: number): string[] {
  return [
    'conv1',
    ...blocks.flatMap((count, stage) =>
      Array.from({ length: count }, (_, block) => {
        const prefix = `layer${stage + 1}.${block}`;
        const names = Array.from({ length: convolutions }, (_conv, at) => `${prefix}.conv${at + 1}`);
        const isProjected = block === 0 && (stage > 0 || convolutions === 3);
        return isProjected ? [...names, `${prefix}.downsample.0`] : names;
      }).flat(),
    ),
  ];
}

/** A structured trace of some layers: early layers change minority groups the most. */
export function layerTrace(names: readonly string[], ks: readonly number[]): TraceStructuredResult {
  return {
    kind: 'trace-structured',
    ...SESSION,
    split: 'train',
    perturbation: 'zero',
    baseline: erm.train,
    topK: ks,
    ...RANDOM,
    cost: { naiveForwards: 767_200, runForwards: 107_053.8, ratio: 0.13954 },
    layers: names,
    entries: (['gradient', 'magnitude'] as const).flatMap((criterion) =>
      TRAIN.flatMap((total, group) =>
        names.flatMap((layer, at) =>
          ks.map((k): LayerEntry => {
            const decay = Math.exp((-3 * at) / names.length);
            const scale = (MINORITY.includes(group) ? 0.09 : 0.012) * (criterion === 'gradient' ? 1 : 0.5);
            const lost = Math.round(k * scale * decay * total);
            const gained = Math.min((at + group) % 3, total - (erm.train.correct[group] ?? 0));
            const correct = (erm.train.correct[group] ?? 0) - lost + gained;
            const change = (gained - lost) / total;
            const tests = testsOf(change, total);
            return {
              criterion,
              layer,
              group,
              k,
              neurons: [{ layer, index: 3 * at + k, score: 0.5 / (at + 1) }],
              accuracy: correct / total,
              change: correct / total - (erm.train.accuracy[group] ?? 0),
              lost,
              gained,
              accuracyInterval: accuracyInterval(correct, total),
              changeInterval: changeInterval({ total, lost, gained }),
              margin: 10 * change,
              marginInterval: around(10 * change),
              loss: -change,
              lossInterval: around(-change),
              comparisons: againstAll({
                groups: TRAIN.map((_, other) => (other === group ? tests : null)),
                difference: null,
              }),
            };
          }),
        ),
      ),
    ),
  };
}

/** ResNet-18's 20 layers, k = 1. */
export const layers18 = layerTrace(resnetLayers([2, 2, 2, 2], 2), [1]);

/** ResNet-50's 53 layers, k = 1, 3. */
export const layers50 = layerTrace(resnetLayers([3, 4, 6, 3], 3), [1, 3]);

/** A trace of random initialization or noise over some seeds: zeroing's changes, damped, with a spread. */
export function randomTrace(
  perturbation: 'reinit' | 'noise',
  sigmas: readonly number[],
  seeds: number,
  split: Split = 'train',
): TraceUnstructuredResult {
  const damping = perturbation === 'reinit' ? 0.9 : 0.2;
  return {
    ...trace,
    perturbation,
    split,
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    baseline: erm[split],
    entries: trace.entries.flatMap((of) =>
      sigmas.map((sigma): TraceEntry => {
        const factor = damping * (1 + 10 * sigma);
        const change = of.change.map((value) => factor * value);
        return {
          ...of,
          sigma,
          change,
          accuracy: change.map((value, group) => (erm[split].accuracy[group] ?? 0) + value),
          changeInterval: of.changeInterval.map(([low, high]) => [factor * low, factor * high]),
          ...comparedAs(change, erm[split].total),
          changeStd: seeds > 1 ? of.change.map((value) => 0.3 * Math.abs(value) + sigma / 10) : null,
        };
      }),
    ),
  };
}

/** The ranks of the top neurons of a network of 4800 neurons: most are high under the other criterion, some are not. */
export function overlapTrace(fraction: number): TraceOverlapResult {
  const count = Math.ceil(fraction * 4800);
  const ranks = (chosenBy: CriterionName, rankedBy: CriterionName, group: number): OverlapEntry => ({
    reading: 'model',
    group,
    chosenBy,
    rankedBy,
    neurons: Array.from({ length: count }, (_neuron, at) => ({
      layer: LAYERS[at % LAYERS.length] ?? 'fc',
      index: 5 * at + group,
      score: 1 / (at + 1),
      percentile: (100 * (4800 - ((at * at * (2 + group)) % 4000))) / 4800,
    })),
  });
  return {
    kind: 'trace-overlap',
    ...SESSION,
    fraction,
    count,
    entries: TRAIN.flatMap((_, group) => [
      ranks('gradient', 'magnitude', group),
      ranks('magnitude', 'gradient', group),
    ]),
  };
}

/** Neurons that the examples of each group needed; `50` did not flip. */
const COUNTS = [[20, 50, 50], [3, 3, 5], [2, 3], []];

const examples = COUNTS.flatMap((counts, group) =>
  counts.map((count, at): MinimalExample => ({
    group,
    filename: `images/train/${group}/${at}.png`,
    count,
    flipped: count < 50,
    neurons: Array.from({ length: count }, (_, index) => ({
      layer: 'layer1.0.conv1',
      index,
      score: 1 / (index + 1),
    })),
    loss: { before: 0.01, after: 0.9 },
    reference: { before: { accuracy: 1, loss: 0.01 }, after: { accuracy: 0.98, loss: 0.1 } },
  })),
);

export const minimalTrace: TraceMinimalResult = {
  kind: 'trace-minimal',
  checkpoint: trace.checkpoint,
  unit: trace.unit,
  numNeurons: trace.numNeurons,
  loss: trace.loss,
  examplesPerGroup: 3,
  referenceSize: 128,
  maxNeurons: 50,
  seed: 0,
  groups: COUNTS.map((_, group) => summarizeMinimal(examples.filter((example) => example.group === group))),
  comparison: compareMinorities(examples, MINORITY),
  examples,
};

const share = (mean: number): MeanShare => ({ images: 100, mean, interval: [mean - 0.05, mean + 0.04] });

/** Heat maps of two runs, with these examples. */
export const heatOf = (of: readonly HeatExample[]): GradCamResult => ({
  kind: 'grad-cam',
  split: 'test',
  layer: 'layer4.1.conv2',
  cells: [2, 1],
  output: 0,
  outputName: 'pullover',
  samplesPerGroup: 128,
  seed: 5,
  coreRegion: [0.5, 0, 0.5, 1],
  before: { run: 'erm', arch: 'resnet18', checkpoint: 'a'.repeat(64) },
  after: { run: 'finetuned', arch: 'resnet18', checkpoint: 'b'.repeat(64) },
  groups: NAMES.map((_, group) => ({
    group,
    images: 128,
    core: 0.5,
    before: { blank: group, share: share(0.3 + 0.1 * group) },
    after: { blank: 2, share: share(0.55 + 0.1 * group) },
    difference: share(0.25),
  })),
  examples: of,
});
