import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { buildDominoes, DEFAULT_DOMINOES, type DominoesOptions, GARMENTS } from '../data/dominoes.js';
import type { ComparedRun, ComparisonResult } from '../experiments/comparison.js';
import { RESULTS } from '../experiments/resultFiles.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import { ENGINE_TYPES, type EngineOptions, engineOptions, openEngine } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import { writeReport } from '../report/writeReport.js';
import { checkOptions, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { callback, text } from '../settings/values.js';
import { MODEL_SETTINGS } from '../train/ermSettings.js';
import { dfr } from '../train/methods/dfr.js';
import { erm } from '../train/methods/erm.js';
import { finetune } from '../train/methods/finetune.js';
import type { TrainedRun, TrainingResult } from '../train/results.js';
import { openRun } from '../train/runFolder.js';
import { type EpochOptions, RUN_TYPE, SEED_TYPE } from '../train/runOptions.js';
import { RunWriter } from '../train/runWriter.js';
import { figuresNamed } from './articleFigures.js';
import { reproducePart1 } from './part1.js';
import { runJob } from './sweep/jobs.js';
import type { SweepJob } from './sweep/plan.js';

const ARCH = 'resnet18';
const MODEL = { arch: ARCH, batchSize: 64 } as const;

/** The whole job ends within 10 minutes on two cores; what starts at the kick-in ends with as many epochs as ERM. */
const EPOCHS = { pretrain: 3, erm: 8, kickIn: 5 } as const;
const PRETRAINED = { ...MODEL, epochs: EPOCHS.pretrain, lr: 1e-3 } as const;
/** Between epochs, worst-group accuracy swings by ten points; an average over about 100 steps steadies it. */
const EMA = 0.99;
/** As many random neurons as the time allows, beside the top three alone. */
const CONTROLS = { nullDraws: 39, samples: 64, comparedTopK: [3] } as const;
/** Settings that continued training and fine-tuning share. */
const CONTINUED = {
  kickInEpoch: EPOCHS.kickIn,
  epochs: EPOCHS.erm - EPOCHS.kickIn,
  lr: 1e-4,
  ema: EMA,
} as const;
/** Strong penalties and few fits: weaker ones take minutes each. */
const RETRAINED = { inverseStrengths: [0.03, 0.01], draws: 3 } as const;
/** 5 of ResNet-18’s channels; the article’s 0.01 % would be one. */
const FRACTION = 0.001;

export interface QuickstartOptions extends JobOptions, EngineOptions {
  /** Folder that holds the datasets: `dominoes` and `dominoes-pretrain` are built in it. */
  readonly data: string;
  /** The run's folder; the others' names add `-pretrain`, `-continued`, `-finetune` and `-dfr`. */
  readonly out: string;
  /** A weights file to start from instead of pretraining. */
  readonly weights?: string | undefined;
  /** The folder of Fashion-MNIST's four gzipped idx files; default: Debian's. */
  readonly fashionMnist?: string | undefined;
  readonly seed?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
  readonly onEpoch?: EpochOptions['onEpoch'];
}

/** The results of the main job, and the paths of its reports. */
export interface QuickstartResult {
  readonly dataset: Dataset;
  readonly erm: TrainingResult;
  readonly trace: TraceUnstructuredResult;
  readonly comparison: ComparisonResult;
  readonly run: string;
  readonly report: string;
  /** The report of the fine-tuned run, which sets it beside ERM. */
  readonly finetuneReport: string;
}

const QUICKSTART_TYPES: OptionTypes<QuickstartOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  data: text('a folder for the datasets'),
  out: RUN_TYPE,
  weights: MODEL_SETTINGS.weights.type,
  fashionMnist: text('the folder of Fashion-MNIST\u2019s files'),
  seed: SEED_TYPE,
  onStep: callback(),
  onEpoch: callback(),
};

/**
 * The main job, small: builds the dominoes benchmark, pretrains a ResNet-18 on garments and digits that it does not use,
 * trains it by ERM, traces the neurons that memorize each group, goes on from ERM in three ways, sets them side by side, and
 * writes the report. Steps that are finished are not repeated.
 */
export async function reproduceQuickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  checkOptions(options, { types: QUICKSTART_TYPES, required: ['data', 'out'] });
  const { data, out, seed = 0, onStep, onEpoch, onProgress, signal, onInfo, onWarning } = options;
  const job = { onProgress, signal, onInfo, onWarning };
  const computed = { ...job, ...engineOptions(options) };
  onStep?.('1/5 dominoes: digits above garments');
  const dominoes = { ...DEFAULT_DOMINOES, seed, fashionMnist: options.fashionMnist };
  const dataset = await buildDominoes(join(data, 'dominoes'), dominoes, job);

  let { weights } = options;
  if (weights === undefined) {
    // In place of ImageNet weights.
    onStep?.('2/5 pretraining on garments and digits that the benchmark does not use');
    const others = await buildDominoes(join(data, 'dominoes-pretrain'), pretrainingDominoes(dominoes), job);
    const pretrained = { ...PRETRAINED, data: others, out: `${out}-pretrain` };
    await erm.train({ ...computed, onEpoch, seed: options.seed, ...pretrained, resume: true });
    weights = (await openRun(pretrained.out)).weights;
  }

  const jobs = jobsOf(out, weights, seed);
  const run = (one: SweepJob): Promise<TrainedRun> =>
    runJob(jobs, one, { ...computed, onEpoch, data: dataset });
  const [ofErm, ...ways] = jobs as [SweepJob, ...SweepJob[]];
  const total = dataset.counts.train.reduce((sum, count) => sum + count, 0);
  onStep?.(`3/5 ERM: ${ARCH}, ${EPOCHS.erm} epochs on ${total} images`);
  const trained = await run(ofErm);

  onStep?.(`4/5 ways on from epoch ${EPOCHS.kickIn} of ERM, and its last layer trained anew`);
  const others: TrainedRun[] = [];
  for (const way of ways) others.push(await run(way));
  const comparison = compareWays(dataset, trained, others as [TrainedRun, TrainedRun, TrainedRun]);
  using context = await openEngine(options);
  const folder = new RunWriter(out, context);
  await folder.record(comparison.kind, comparison);

  onStep?.('5/5 trace: zero the top neurons of each group, and report');
  const finetuneReport = await writeReport({ run: `${out}-finetune` });
  const figures = {
    data: dataset,
    run: out,
    figures: figuresNamed(['fig1', 'fig2']),
    ...CONTROLS,
  };
  const { report } = await reproducePart1({ ...computed, seed, ...figures });
  const { name, schema } = RESULTS.traces;
  const trace = (await folder.readResult(name, schema)) as TraceUnstructuredResult;
  return { dataset, erm: trained, trace, comparison, run: out, report, finetuneReport };
}

/** ERM; continued training and fine-tuning, which end with as many epochs; and a new last layer. */
function jobsOf(out: string, weights: string, seed: number): SweepJob[] {
  const continued = { ...CONTINUED, contrast: false, supervised: 'cross-entropy' };
  const ways = [
    { entry: 'continued', method: finetune.name, settings: continued },
    { entry: 'finetune', method: finetune.name, settings: { ...CONTINUED, fraction: FRACTION } },
    { entry: 'dfr', method: dfr.name, settings: RETRAINED },
  ];
  return [
    {
      index: 0,
      stage: 0,
      entry: erm.name,
      method: erm.name,
      settings: { ...MODEL, weights, epochs: EPOCHS.erm, ema: EMA },
      seed,
      out,
      from: null,
      keepEpochs: [EPOCHS.kickIn],
    },
    ...ways.map(({ entry, method, settings }, at) => ({
      index: at + 1,
      stage: 1,
      entry,
      method,
      settings: { ...MODEL, ...settings },
      seed,
      out: `${out}-${entry}`,
      from: 0,
    })),
  ];
}

function compareWays(
  dataset: Dataset,
  trained: TrainedRun,
  [continued, finetuned, retrained]: readonly [TrainedRun, TrainedRun, TrainedRun],
): ComparisonResult {
  const more = `${CONTINUED.epochs} epochs from epoch ${EPOCHS.kickIn} of ERM on`;
  return {
    kind: 'comparison',
    runs: [
      row('ERM', trained, `Its worst group is ${worst(dataset, trained)}, whose digit misleads it.`),
      row(
        'continued training',
        continued,
        `${more} by the same loss with a fresh optimizer are ${against(continued, trained)} ERM: what training alone does.`,
      ),
      row(
        'fine-tuning',
        finetuned,
        `${more} against the neurons that memorize are ${against(finetuned, trained)} ERM and ${against(finetuned, continued)} continued training: what the contrast with a masked network adds.`,
      ),
      row(
        'last-layer retraining (DFR)',
        retrained,
        `ERM’s features under a last layer fitted to as many validation images of each group are ${against(retrained, trained)} ERM: what they hold of the class, which ERM’s own last layer does not use.`,
      ),
    ],
  };
}

function row(title: string, { run, val, test }: TrainedRun, shows: string): ComparedRun {
  return { title, run, epochs: EPOCHS.erm, val, test, shows };
}

function worst({ groupNames }: Dataset, { test }: TrainingResult): string {
  return groupNames[test.worstGroup] ?? '';
}

/** `3.2 points above`, of the test split's worst groups. */
function against(run: TrainingResult, other: TrainingResult): string {
  const difference = 100 * (run.test.worstGroupAccuracy - other.test.worstGroupAccuracy);
  return `${Math.abs(difference).toFixed(1)} points ${difference < 0 ? 'below' : 'above'}`;
}

/** Every garment and digit that the benchmark does not use, each pair equally often. */
export function pretrainingDominoes(benchmark: DominoesOptions): DominoesOptions {
  const garments = GARMENTS.filter((garment) => !benchmark.garments.includes(garment));
  const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((digit) => !benchmark.digits.includes(digit));
  const each = (count: number): number[] => new Array<number>(garments.length * digits.length).fill(count);
  return { ...benchmark, garments, digits, counts: { train: each(60), val: each(5), test: each(5) } };
}
