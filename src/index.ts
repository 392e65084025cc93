/// <reference lib="esnext.disposable" preserve="true" />
/**
 * spurmem as a library: the same steps that the command line runs. docs/reference.md lists all names by subject.
 *
 * Importing it is cheap: a job's modules are loaded on its first call.
 *
 * @packageDocumentation
 */
import type { BatchLoader as Loader } from './data/batches.js';
import type { TraceSession as Session } from './experiments/traceSession.js';
import type { Figure } from './report/figure.js';
import type { TrainingMethod } from './train/method.js';
import type * as Methods from './train/methods.js';
import type { trainEpochs as Epochs } from './train/trainEpochs.js';

/** Returns a function whose module is loaded on its first call. */
function later<Args extends readonly unknown[], Result>(
  load: () => Promise<(...args: Args) => Promise<Result>>,
): (...args: Args) => Promise<Result> {
  return async (...args) => (await load())(...args);
}

const methods = () => import('./train/methods.js');

// Train: ERM, fine-tuning against spurious memorization, and the baselines.
/** Trains a run by ERM with the article's recipe, which fine-tuning and last-layer retraining start from. */
export const trainErm: typeof Methods.trainErm = later(async () => (await methods()).trainErm);
/** Trains by GroupDRO: the groups' losses are weighted towards the worst. */
export const trainGroupDro: typeof Methods.trainGroupDro = later(async () => (await methods()).trainGroupDro);
/** Trains by JTT: ERM that shows the errors of an earlier model more often. */
export const trainJtt: typeof Methods.trainJtt = later(async () => (await methods()).trainJtt);
/** Trains by Correct-n-Contrast: ERM, and contrast by an earlier model's predictions. */
export const trainCnc: typeof Methods.trainCnc = later(async () => (await methods()).trainCnc);
/** Retrains the last layer of another run's model (DFR). */
export const trainDfr: typeof Methods.trainDfr = later(async () => (await methods()).trainDfr);
/** Fine-tunes another run's model against spurious memorization. */
export const trainFinetune: typeof Methods.trainFinetune = later(async () => (await methods()).trainFinetune);
/** Makes a run of a checkpoint that was trained elsewhere, for traces, reports and retraining. */
export const adopt: typeof Methods.adopt = later(async () => (await methods()).adopt);
/** Trains by a method's name: `groupdro`, or `rwg`, which draws each group equally often (`trainingMethods` has all). */
export const train: typeof Methods.train = later(async () => (await methods()).train);
/** Trains by a method's name and hands over its epochs: `for await (const epoch of trainEpochs(...))`. Leaving the loop stops the run, which can be resumed. */
export async function* trainEpochs(...options: Parameters<typeof Epochs>): ReturnType<typeof Epochs> {
  return yield* (await import('./train/trainEpochs.js')).trainEpochs(...options);
}
export type { TrainedEpoch } from './train/trainEpochs.js';
/** Returns every training method, in the order of commands and tables, with its name and settings. */
export async function trainingMethods(): Promise<readonly TrainingMethod[]> {
  return (await methods()).TRAINING_METHODS;
}
export type { TrainingMethod } from './train/method.js';
export type { ErmOptions } from './train/recipe.js';
export type { FinetuneOptions } from './train/methods/finetune.js';
export type { EpochMetrics, TrainedRun, TrainingResult } from './train/results.js';
/** Opens a trained run: its configuration, folder and selected weights. */
export const openRun = later(async () => (await import('./train/runFolder.js')).openRun);
export type { RunFolder } from './train/runFolder.js';

// Trace: perturb a few neurons, compare with random ones, and see where a model looks.
/** Perturbs the top neurons of the model for each group (Figs 2, 4, 5). */
export const traceUnstructured = later(
  async () => (await import('./experiments/traceUnstructured.js')).traceUnstructured,
);
/** Zeroes the top neurons of each layer (Fig. 7). */
export const traceStructured = later(
  async () => (await import('./experiments/traceStructured.js')).traceStructured,
);
/** Ranks each criterion’s top neurons under the others (Fig. 3). */
export const traceOverlap = later(async () => (await import('./experiments/traceOverlap.js')).traceOverlap);
/** Compares memorized images with others of the same margin, under the top neurons of minority groups zeroed. */
export const traceMemorized = later(
  async () => (await import('./experiments/traceMemorized.js')).traceMemorized,
);
/** Tests how few neurons a training example depends on (Maini et al. 2023). */
export const traceMinimal = later(async () => (await import('./experiments/traceMinimal.js')).traceMinimal);
/** Maps which parts of images raise an output, for one run or two (Fig. 10). */
export const gradCam = later(async () => (await import('./experiments/gradCam.js')).gradCam);
/** Shows the images that single neurons respond to, and the effect of zeroing each. */
export const neuronAtlas = later(async () => (await import('./extras/atlas/atlas.js')).neuronAtlas);
export type { TraceOptions } from './experiments/traceUnstructured.js';
export type { TraceEntry, TraceUnstructuredResult } from './experiments/results.js';
/** Opens a run once for several traces. */
export const TraceSession = {
  open: async (...options: Parameters<typeof Session.open>) =>
    (await import('./experiments/traceSession.js')).TraceSession.open(...options),
};
export type TraceSession = Session;

// Reproduce the article, compare over seeds, report.
/** Makes the figures and tables of Part I from one run. */
export const reproducePart1 = later(async () => (await import('./reproduce/part1.js')).reproducePart1);
/** Runs the whole workflow on few images: train, trace, fine-tune, report. */
export const reproduceQuickstart = later(
  async () => (await import('./study/quickstart.js')).reproduceQuickstart,
);
/** Returns every figure and table of Part I, in the order of the report. */
export async function figures(): Promise<readonly Figure[]> {
  return (await import('./report/figures.js')).FIGURES;
}
/** Evaluates a run’s model on one split, or each image of all; writes nothing. */
export const evaluateRun = later(async () => (await import('./experiments/evaluateRun.js')).evaluateRun);
/** Measures which training images runs memorized that left some out; writes nothing. */
export const memorization = later(async () => (await import('./experiments/memorization.js')).memorization);
/** Reads a study from a file, or by the name of one in the package. */
export const readStudy = later(async () => (await import('./study/document.js')).readStudy);
/** Runs the jobs of a study without recorded results; any number of processes may share them. */
export const runStudy = later(async () => (await import('./study/runner.js')).runStudy);
/** Returns the tables of a study’s recorded results. */
export const studyTables = later(async () => (await import('./study/tables.js')).studyTables);
/** Writes a page of a study’s recorded results. */
export const writeStudyReport = later(async () => (await import('./study/report.js')).writeStudyReport);
/** Writes a run’s `report.html` and figures. */
export const writeReport = later(async () => (await import('./report/writeReport.js')).writeReport);
export type { Part1Options } from './reproduce/part1.js';
export type { Study } from './study/schema.js';
export type { StudyOptions } from './study/runner.js';

/** Returns the settings of a model, ERM, fine-tuning and traces, with the article's and the published code's values. */
export async function settings() {
  const { MODEL_SETTINGS, ERM_SETTINGS } = await import('./train/ermSettings.js');
  const { FINETUNE_SETTINGS } = await import('./train/finetune/settings.js');
  const { TRACE_SETTINGS } = await import('./experiments/traceSettings.js');
  const { MINIMAL_SETTINGS } = await import('./experiments/minimal.js');
  const { ATLAS_SETTINGS } = await import('./extras/atlas/result.js');
  const trace = { ...TRACE_SETTINGS, minimal: MINIMAL_SETTINGS, neurons: ATLAS_SETTINGS };
  return { model: MODEL_SETTINGS, erm: ERM_SETTINGS, finetune: FINETUNE_SETTINGS, trace };
}

// Data.
/** Reads a folder’s table: labels, groups, splits. */
export const loadDataset = later(async () => (await import('./data/dataset.js')).loadDataset);
/** Draws the benchmark of digits above garments. */
export const buildDominoes = later(async () => (await import('./data/dominoes.js')).buildDominoes);
/** Makes benchmarks of cut-outs on scenes. */
export const composeDataset = later(async () => (await import('./data/compose/compose.js')).composeDataset);
/** Unpacks a data set of parquet files, `save_to_disk`, WebDataset or CIFAR into a folder of images with a table. */
export const importDataset = later(
  async () => (await import('./data/import/importDataset.js')).importDataset,
);
/** Ranks the images of each class by the margins of a model that has not seen them. */
export const discover = later(async () => (await import('./extras/discover/discover.js')).discover);
export { DEFAULT_DOMINOES } from './data/dominoesSources.js';
export type { Dataset, DatasetOptions } from './data/dataset.js';
/** Loads images as batches on the device. */
export const BatchLoader = {
  open: async (...options: Parameters<typeof Loader.open>) =>
    (await import('./data/batches.js')).BatchLoader.open(...options),
};
export type BatchLoader = Loader;

// Build your own experiments: models, neurons, variants, metrics.
export { Model } from './models/model.js';
/** Reads the description of a network that torch.export wrote, without running it. */
export const inspectProgram = later(
  async () => (await import('./models/exported/program.js')).inspectProgram,
);
/** Loads a file’s weights into a model. */
export const loadWeights = later(async () => (await import('./models/weights.js')).loadWeights);
/** Reads a file of weights. */
export const readSafetensors = later(async () => (await import('./models/safetensors.js')).readSafetensors);
/** Writes a file of weights. */
export const writeSafetensors = later(async () => (await import('./models/safetensors.js')).writeSafetensors);
export { CRITERIA } from './neurons/criteria.js';
export { PERTURBATIONS } from './neurons/perturbations.js';
export { selectTopK } from './neurons/select.js';
export { maskNeurons } from './neurons/perturb.js';
export type { Neuron } from './neurons/neuron.js';
/** Evaluates perturbed models against the model itself. */
export const evaluateVariants = later(
  async () => (await import('./experiments/evaluateVariants.js')).evaluateVariants,
);
/** Evaluates an open model on images; `evaluateRun` opens a run’s. */
export const evaluateModel = later(async () => (await import('./metrics/evaluate.js')).evaluateModel);
export { groupAccuracies } from './metrics/groups.js';
export { native } from './native/addon.js';
/** Joins the processes that torchrun or srun started. */
export const joinProcessGroup = later(
  async () => (await import('./native/processGroup.js')).joinProcessGroup,
);

// Errors, progress, versions.
export { SpurmemError, type ErrorCode } from './errors.js';
export type { JobOptions, ProgressEvent } from './progress.js';
export { versions } from './versions.js';
