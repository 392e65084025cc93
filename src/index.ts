/**
 * spurmem as a library: the same steps that the command line runs. docs/library.md lists all names by subject.
 *
 * @packageDocumentation
 */

// Train: ERM, fine-tuning against spurious memorization, and the baselines.
export {
  TRAINING_METHODS,
  trainDfr,
  trainErm,
  trainFinetune,
  trainGroupDro,
  trainJtt,
  trainRwg,
  trainRwy,
  trainSubg,
  trainSuby,
} from './train/methods.js';
export type { TrainingMethod } from './train/method.js';
export type { ErmOptions } from './train/recipe.js';
export type { FinetuneOptions } from './train/methods/finetune.js';
export type { EpochMetrics, TrainedRun, TrainingResult } from './train/results.js';
export { openRun, RunFolder, type RunConfig } from './train/runFolder.js';

// Trace: find the neurons that memorize, perturb them, and see where a model looks.
export { traceUnstructured, type TraceOptions } from './experiments/traceUnstructured.js';
export { traceStructured, type TraceStructuredOptions } from './experiments/traceStructured.js';
export { traceOverlap, type TraceOverlapOptions } from './experiments/traceOverlap.js';
export { gradCam, type GradCamOptions } from './experiments/gradCam.js';
export type { GradCamResult } from './experiments/gradCamResult.js';
export type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from './experiments/results.js';
export { TraceSession, type SessionOptions } from './experiments/traceSession.js';

// Reproduce the article, compare over seeds, report.
export { reproducePart1, type Part1Options, type Part1Result } from './reproduce/part1.js';
export { reproducePart2, type Part2Options, type Part2Result } from './reproduce/part2.js';
export { reproduceFig10 } from './reproduce/fig10.js';
export { reproduceQuickstart } from './reproduce/quickstart.js';
export { FIGURES } from './report/figures.js';
export { STUDIES } from './reproduce/studies.js';
export { runStudy, type StudyOptions, type StudyResult } from './experiments/study.js';
export { writeReport } from './report/writeReport.js';

// Settings: what there is to set, with the article's and the published code's values.
export { ERM_SETTINGS, MODEL_SETTINGS } from './train/ermSettings.js';
export { FINETUNE_SETTINGS } from './train/finetune/settings.js';
export { TRACE_SETTINGS } from './experiments/traceSettings.js';

// Data.
export { loadDataset, type Dataset, type DatasetOptions } from './data/dataset.js';
export { buildDominoes, DEFAULT_DOMINOES, type DominoesOptions } from './data/dominoes.js';
export { BatchLoader, type Batch } from './data/batches.js';

// Build experiments of one's own: models, neurons, variants, metrics.
export { Model } from './models/model.js';
export { loadWeights } from './models/weights.js';
export { readSafetensors, writeSafetensors, type TensorData } from './models/safetensors.js';
export { CRITERIA } from './neurons/criteria.js';
export { PERTURBATIONS } from './neurons/perturbations.js';
export { selectTopK } from './neurons/select.js';
export { maskNeurons, perturbedVariants, type Variant } from './neurons/perturb.js';
export type { Neuron } from './neurons/neuron.js';
export { evaluateVariants, type VariantOutcomes } from './experiments/evaluateVariants.js';
export { evaluate, type Evaluation } from './metrics/evaluate.js';
export { groupAccuracies, type GroupAccuracies } from './metrics/groups.js';
export { native, type Generator, type Tensor } from './native/addon.js';

// Errors, progress, versions.
export { SpurmemError, type ErrorCode } from './errors.js';
export type { JobOptions, ProgressEvent } from './progress.js';
export { versions } from './versions.js';
