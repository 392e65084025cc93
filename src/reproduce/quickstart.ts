import { join } from 'node:path';
import { groupCounts, type Dataset } from '../data/dataset.js';
import { DEFAULT_DOMINOES, GARMENTS, buildDominoes, type DominoesOptions } from '../data/dominoes.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import type { JobOptions } from '../progress.js';
import { writeReport } from '../report/writeReport.js';
import { trainErm } from '../train/erm.js';
import { trainFinetune } from '../train/finetune.js';
import type { EpochMetrics, TrainingResult } from '../train/metrics.js';
import { RunFolder } from '../train/runFolder.js';
import { reproducePart1 } from './part1.js';
import { ARTICLE_ERM } from '../train/ermRecipes.js';

const ARCH = 'resnet18';
const BATCH_SIZE = 64;

/** Sized so that the whole job ends within 10 minutes on two cores. */
const EPOCHS = { pretrain: 3, erm: 8, finetune: 2 } as const;
/** Random neurons beside the chosen ones: as many as the time allows. */
const CONTROLS = { controls: 40, controlSamples: 64 } as const;
const PRETRAIN_LR = 1e-3;
/** 0.1 % of ResNet-18’s channels are 5; the article’s 0.01 % would be one. */
const FINETUNE = { lr: 1e-4, fraction: 0.001 } as const;

export interface QuickstartOptions extends JobOptions {
  /** Folder that holds the datasets: `dominoes` and `dominoes-pretrain` are built in it. */
  readonly data: string;
  /** The run's folder; pretraining goes to `<out>-pretrain`, fine-tuning to `<out>-finetune`. */
  readonly out: string;
  /** A weights file to start from instead of pretraining. */
  readonly weights?: string | undefined;
  /** Where Fashion-MNIST's four gzipped idx files are; Debian's folder by default. */
  readonly fashionMnist?: string | undefined;
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  readonly onStep?: ((step: string) => void) | undefined;
  readonly onEpoch?: ((metrics: EpochMetrics, groupNames: readonly string[]) => void) | undefined;
}

export interface QuickstartResult {
  readonly dataset: Dataset;
  readonly erm: TrainingResult;
  readonly trace: TraceUnstructuredResult;
  readonly finetune: TrainingResult;
  /** The run's folder. */
  readonly run: string;
  /** The report's path. */
  readonly report: string;
  /** The path of the fine-tuned run's report, which sets it beside ERM. */
  readonly finetuneReport: string;
}

/**
 * The main job, small: builds the dominoes benchmark, pretrains a ResNet-18 on garments and digits that it does not use,
 * trains it by ERM, traces the neurons that memorize each group, writes the report, and fine-tunes for a few epochs. Steps
 * that are finished are not repeated, so an interrupted job goes on where it was.
 */
export async function reproduceQuickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  const { data, out, seed, onStep } = options;
  onStep?.('1/5 dominoes: digits above garments');
  const dominoes = { ...DEFAULT_DOMINOES, seed, fashionFolder: options.fashionMnist };
  const dataset = await buildDominoes(join(data, 'dominoes'), dominoes, options);

  const weights = options.weights ?? (await pretrain(options, dominoes));

  onStep?.(`3/5 ERM: ${ARCH}, ${EPOCHS.erm} epochs on ${total(dataset)} images`);
  const erm = await trainErm({
    ...common(options, dataset),
    out,
    weights,
    epochs: EPOCHS.erm,
    lr: ARTICLE_ERM.lr,
  });

  onStep?.('4/5 trace: zero the top neurons of each group, and report');
  const { report } = await reproducePart1({
    ...options,
    data: dataset.folder,
    run: out,
    figures: ['fig1', 'fig2'],
    ...CONTROLS,
    onStep: undefined,
  });
  const trace = (await new RunFolder(out).readResult('trace-unstructured')) as TraceUnstructuredResult;

  onStep?.(`5/5 fine-tuning: ${EPOCHS.finetune} epochs against spurious memorization, and report`);
  const finetuned = `${out}-finetune`;
  const finetune = await trainFinetune({
    ...common(options, dataset),
    ...FINETUNE,
    ...{ from: out, out: finetuned, epochs: EPOCHS.finetune },
  });
  const finetuneReport = await writeReport({ run: finetuned });
  return { dataset, erm, trace, finetune, run: out, report, finetuneReport };
}

/** Stands in for ImageNet weights: the ERM command on other garments and digits, where nothing is spurious. */
async function pretrain(options: QuickstartOptions, benchmark: DominoesOptions): Promise<string> {
  options.onStep?.('2/5 pretraining on garments and digits that the benchmark does not use');
  const dataset = await buildDominoes(
    join(options.data, 'dominoes-pretrain'),
    pretrainingDominoes(benchmark),
    options,
  );
  const out = `${options.out}-pretrain`;
  await trainErm({ ...common(options, dataset), out, epochs: EPOCHS.pretrain, lr: PRETRAIN_LR });
  return new RunFolder(out).best;
}

/** Every garment and digit that the benchmark does not use, each pair equally often. */
export function pretrainingDominoes(benchmark: DominoesOptions): DominoesOptions {
  const garments = GARMENTS.filter((garment) => !benchmark.garments.includes(garment));
  const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((digit) => !benchmark.digits.includes(digit));
  const each = (count: number): number[] => new Array<number>(garments.length * digits.length).fill(count);
  return { ...benchmark, garments, digits, counts: { train: each(60), val: each(5), test: each(5) } };
}

function common(
  options: QuickstartOptions,
  dataset: Dataset,
): Omit<Parameters<typeof trainErm>[0], 'out' | 'epochs' | 'lr'> {
  return {
    onProgress: options.onProgress,
    signal: options.signal,
    onWarning: options.onWarning,
    data: dataset.folder,
    arch: ARCH,
    batchSize: BATCH_SIZE,
    seed: options.seed,
    device: options.device,
    threads: options.threads,
    resume: true,
    onEpoch: (metrics) => options.onEpoch?.(metrics, dataset.groupNames),
  };
}

function total(dataset: Dataset): number {
  return groupCounts(dataset, 'train').reduce((sum, count) => sum + count, 0);
}
