import { join } from 'node:path';
import { type Dataset, loadDataset } from '../data/dataset.js';
import type { ComparedRun, ComparisonResult } from '../experiments/comparison.js';
import { readOf } from '../experiments/resultFiles.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import { unstructured } from '../experiments/traces.js';
import { native } from '../native/addon.js';
import { ENGINE_TYPES, type EngineOptions, openEngine } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import { writeReport } from '../report/writeReport.js';
import { checkOptions, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { callback, text, toggle } from '../settings/values.js';
import { MODEL_SETTINGS } from '../train/ermSettings.js';
import type { TrainedRun, TrainingResult } from '../train/results.js';
import { RunFolder } from '../train/runFolder.js';
import { RUN_TYPE, type RunOptions, SEED_TYPE } from '../train/runOptions.js';
import { RunWriter } from '../train/runWriter.js';
import { readStudy } from './document.js';
import type { TrainJob } from './plan.js';
import { StudyRunner } from './runner.js';

export interface QuickstartOptions extends JobOptions, EngineOptions {
  /** Folder that holds the datasets: `dominoes-small`, or `dominoes` in full, and `dominoes-pretrain` are built in it. */
  readonly data: string;
  /** The run's folder; the others' names add `-pretrain`, `-continued`, `-finetune` and `-dfr`. */
  readonly out: string;
  /** A weights file to start from instead of pretraining. */
  readonly weights?: string | undefined;
  /** The folder of Fashion-MNIST's four gzipped idx files; default: Debian's. */
  readonly fashionMnist?: string | undefined;
  readonly seed?: number | undefined;
  /** Twice the images and more epochs, in float32. */
  readonly full?: boolean | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
  readonly onEpoch?: RunOptions['onEpoch'];
}

/** The results of the quickstart, and the paths of its reports. */
export interface QuickstartResult {
  readonly dataset: Dataset;
  readonly erm: TrainingResult;
  readonly trace: TraceUnstructuredResult;
  readonly comparison: ComparisonResult;
  readonly run: string;
  readonly report: string;
  /** The report of the fine-tuned run, which compares it with ERM. */
  readonly finetuneReport: string;
}

const TYPES: OptionTypes<QuickstartOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  data: text('a folder for the datasets'),
  out: RUN_TYPE,
  weights: MODEL_SETTINGS.weights.type,
  fashionMnist: text('the folder of Fashion-MNIST\u2019s files'),
  seed: SEED_TYPE,
  full: toggle(),
  onStep: callback(),
  onEpoch: callback(),
};

/**
 * Runs the whole workflow on few images, by the study `quickstart` or `quickstart-full`: builds the dominoes benchmark, pretrains a
 * ResNet-18 on other garments and digits, trains it by ERM, continues from ERM by three methods, traces each group's neurons, and writes
 * the report. Finished steps are not repeated.
 */
export async function reproduceQuickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  checkOptions(options, { types: TYPES, required: ['data', 'out'] });
  const { data, out, weights, fashionMnist, seed = 0, full = false, onStep, ...job } = options;
  const folder = join(data, full ? 'dominoes' : 'dominoes-small');
  const values = {
    'data.dominoes.path': folder,
    'data.dominoes-pretrain.path': join(data, 'dominoes-pretrain'),
    'data.dominoes.make.fashionMnist': fashionMnist,
    'data.dominoes-pretrain.make.fashionMnist': fashionMnist,
    'arms.erm.settings.weights': weights,
    'settings.all': full || !native().fastBf16 ? undefined : { precision: 'bf16' },
  };
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const set = given.map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const runner = new StudyRunner(
    await readStudy(full ? 'quickstart-full' : 'quickstart', { out, seeds: [seed], set }),
    { ...job, onStep: (step) => onStep?.(`${place} of ${jobs.length}, ${step}`) },
  );
  const jobs = (await runner.jobs()).filter(({ kind }) => kind !== 'data');
  let place = 0;
  const run = async (kind: 'train' | 'trace'): Promise<void> => {
    for (const one of jobs) {
      if (one.kind !== kind) continue;
      place += 1;
      await runner.run(one.index);
    }
  };
  await run('train');
  const trained = async (arm: string): Promise<TrainedRun> => {
    const { out: folder = '' } = jobs.find((one) => one.kind === 'train' && one.arm === arm) as TrainJob;
    return { ...((await new RunFolder(folder).readTrainingResult()) as TrainingResult), run: folder };
  };
  const erm = await trained('erm');
  const comparison = compare(
    erm,
    await trained('continued'),
    await trained('finetune'),
    await trained('dfr'),
  );
  const dataset = await loadDataset(folder);
  using context = await openEngine(options);
  const writer = new RunWriter(out, context, options);
  await writer.record('comparison', comparison(dataset));
  const finetuneReport = await writeReport({ run: `${out}-finetune`, signal: options.signal });
  await run('trace');
  const report = await writeReport({ run: out, signal: options.signal });
  const trace = (await readOf(writer, unstructured)) as TraceUnstructuredResult;
  return { dataset, erm, trace, comparison: comparison(dataset), run: out, report, finetuneReport };
}

/** Compares ERM and the three methods that continue from it, with one sentence on each. */
function compare(erm: TrainedRun, continued: TrainedRun, finetuned: TrainedRun, retrained: TrainedRun) {
  const epochs = erm.epochs;
  const more = `${finetuned.epochs} epochs from epoch ${epochs - finetuned.epochs} of ERM on`;
  const row = (title: string, { run, val, test }: TrainedRun, shows: string): ComparedRun => {
    return { title, run, epochs, val, test, shows };
  };
  return ({ groupNames }: Dataset): ComparisonResult => ({
    kind: 'comparison',
    runs: [
      row(
        'ERM',
        erm,
        `Its worst group is ${groupNames[erm.test.worstGroup] ?? ''}, whose digit misleads it.`,
      ),
      row(
        'continued training',
        continued,
        `${more} by the same loss with a fresh optimizer are ${against(continued, erm)} ERM: what training alone does.`,
      ),
      row(
        'fine-tuning',
        finetuned,
        `${more} against the neurons that memorize are ${against(finetuned, erm)} ERM and ${against(finetuned, continued)} continued training: what the contrast with a masked network adds.`,
      ),
      row(
        'last-layer retraining (DFR)',
        retrained,
        `ERM’s features under a last layer fitted to as many validation images of each group are ${against(retrained, erm)} ERM: what they hold of the class, which ERM’s own last layer does not use.`,
      ),
    ],
  });
}

/** Returns the difference of the test split's worst groups: `3.2 points above`. */
function against(run: TrainingResult, other: TrainingResult): string {
  const difference = 100 * (run.test.worstGroupAccuracy - other.test.worstGroupAccuracy);
  return `${Math.abs(difference).toFixed(1)} points ${difference < 0 ? 'below' : 'above'}`;
}
