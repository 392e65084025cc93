/// <reference lib="esnext.disposable" preserve="true" />
/**
 * spurmem as a library: the same steps that the command line runs. docs/reference.md lists all names by subject.
 *
 * To import it takes little: a job's modules are loaded when it is first called, and tables when they are asked for.
 *
 * @packageDocumentation
 */
import type { BatchLoader as Loader } from './data/batches.js';
import type { TraceSession as Session } from './experiments/traceSession.js';
import type { Figure } from './report/figure.js';
import type { TrainingMethod } from './train/method.js';
import type * as Methods from './train/methods.js';

/** A function of a module that is loaded when it is first called. */
function later<Args extends readonly unknown[], Result>(
  load: () => Promise<(...args: Args) => Promise<Result>>,
): (...args: Args) => Promise<Result> {
  return async (...args) => (await load())(...args);
}

const methods = () => import('./train/methods.js');

// Train: ERM, fine-tuning against spurious memorization, and the baselines.
/** Trains a run by ERM with the article's recipe, which fine-tuning and last-layer retraining start from. */
export const trainErm: typeof Methods.trainErm = later(async () => (await methods()).trainErm);
/** ERM on images drawn with each class equally likely. */
export const trainRwy = later(async () => (await methods()).trainRwy);
/** ERM on images drawn with each group equally likely. */
export const trainRwg = later(async () => (await methods()).trainRwg);
/** ERM on a subset with as many images of each class. */
export const trainSuby = later(async () => (await methods()).trainSuby);
/** ERM on a subset with as many images of each group. */
export const trainSubg = later(async () => (await methods()).trainSubg);
/** GroupDRO. */
export const trainGroupDro: typeof Methods.trainGroupDro = later(async () => (await methods()).trainGroupDro);
/** JTT: images that an ERM run predicts wrong count more often. */
export const trainJtt: typeof Methods.trainJtt = later(async () => (await methods()).trainJtt);
/** Correct-n-Contrast. */
export const trainCnc: typeof Methods.trainCnc = later(async () => (await methods()).trainCnc);
/** Last-layer retraining of another run's model. */
export const trainDfr: typeof Methods.trainDfr = later(async () => (await methods()).trainDfr);
/** Fine-tunes another run's model against spurious memorization. */
export const trainFinetune: typeof Methods.trainFinetune = later(async () => (await methods()).trainFinetune);
/** Every training method as an object, in the order of commands and tables: its name, settings and `train`. */
export async function trainingMethods(): Promise<readonly TrainingMethod[]> {
  return (await methods()).CHECKED_METHODS;
}
export type { TrainingMethod } from './train/method.js';
export type { ErmOptions } from './train/recipe.js';
export type { FinetuneOptions } from './train/methods/finetune.js';
export type { EpochMetrics, TrainedRun, TrainingResult } from './train/results.js';
/** Opens a trained run: its configuration, folder and selected weights. */
export const openRun = later(async () => (await import('./train/runFolder.js')).openRun);
export type { RunFolder } from './train/runFolder.js';

// Trace: find the neurons that memorize, perturb them, and see where a model looks.
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
/** Finds how few neurons hold a training example (Maini et al. 2023). */
export const traceMinimal = later(async () => (await import('./extras/minimal/trace.js')).traceMinimal);
/** Maps where images speak for an output, of one run or two (Fig. 10). */
export const gradCam = later(async () => (await import('./experiments/gradCam.js')).gradCam);
/** Shows the images that single neurons respond to, and the effect of zeroing each. */
export const neuronAtlas = later(async () => (await import('./extras/atlas/atlas.js')).neuronAtlas);
export type { TraceOptions } from './experiments/traceUnstructured.js';
export type { GradCamOptions } from './experiments/gradCam.js';
export type { NeuronAtlasOptions } from './extras/atlas/atlas.js';
export type { TraceUnstructuredResult } from './experiments/results.js';
/** A run opened once for several traces. */
export const TraceSession = {
  open: async (...options: Parameters<typeof Session.open>) =>
    (await import('./experiments/traceSession.js')).TraceSession.open(...options),
};
export type TraceSession = Session;

// Reproduce the article, compare over seeds, report.
/** Figures and tables of Part I from one run. */
export const reproducePart1 = later(async () => (await import('./reproduce/part1.js')).reproducePart1);
/** The main job, small. */
export const reproduceQuickstart = later(
  async () => (await import('./study/quickstart.js')).reproduceQuickstart,
);
/** Every figure and table of Part I as an object, in the order in which the report shows them. */
export async function figures(): Promise<readonly Figure[]> {
  return (await import('./report/figures.js')).FIGURES;
}
/** A run’s model on one split; writes nothing. */
export const evaluateRun = later(async () => (await import('./experiments/evaluateRun.js')).evaluateRun);
/** Reads a study: a file, or the name of one that spurmem brings. */
export const readStudy = later(async () => (await import('./study/document.js')).readStudy);
/** Runs a study’s jobs, those that are not recorded; any number of processes may do so. */
export const runStudy = later(async () => (await import('./study/runner.js')).runStudy);
/** The tables of a study’s recorded results. */
export const studyTables = later(async () => (await import('./study/tables.js')).studyTables);
/** Writes a page of a study’s recorded results. */
export const writeStudyReport = later(async () => (await import('./study/report.js')).writeStudyReport);
/** Writes a run’s `report.html` and figures. */
export const writeReport = later(async () => (await import('./report/writeReport.js')).writeReport);
export type { Part1Options } from './reproduce/part1.js';
export type { Study } from './study/schema.js';
export type { StudyOptions } from './study/runner.js';

/** The settings of a model, ERM, fine-tuning and traces, with the article's and the published code's values. */
export async function settings() {
  const { MODEL_SETTINGS, ERM_SETTINGS } = await import('./train/ermSettings.js');
  const { FINETUNE_SETTINGS } = await import('./train/finetune/settings.js');
  const { TRACE_SETTINGS } = await import('./experiments/traceSettings.js');
  const { MINIMAL_SETTINGS } = await import('./extras/minimal/result.js');
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
/** Groups of a dataset without a known spurious attribute: each class, by whether a run predicts it right. */
export const predictGroups = later(
  async () => (await import('./experiments/predictedGroups.js')).predictGroups,
);
export { DEFAULT_DOMINOES } from './data/dominoesSources.js';
export type { Dataset, DatasetOptions } from './data/dataset.js';
export type { DominoesOptions } from './data/dominoes.js';
export type { ComposeOptions } from './data/compose/options.js';
/** Images as batches on the device. */
export const BatchLoader = {
  open: async (...options: Parameters<typeof Loader.open>) =>
    (await import('./data/batches.js')).BatchLoader.open(...options),
};
export type BatchLoader = Loader;

// Build experiments of one's own: models, neurons, variants, metrics.
export { Model } from './models/model.js';
/** Reads a network that torch.export wrote, and runs nothing. */
export const inspectProgram = later(
  async () => (await import('./models/exported/program.js')).inspectProgram,
);
export type { ProgramSummary } from './models/exported/program.js';
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
/** Evaluates a model alone. */
export const evaluate = later(async () => (await import('./metrics/evaluate.js')).evaluate);
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
