/// <reference lib="esnext.disposable" preserve="true" />
/**
 * spurmem as a library: the same steps that the command line runs. docs/library.md lists all names by subject.
 *
 * @packageDocumentation
 */

// Train: ERM, fine-tuning against spurious memorization, and the baselines.
export {
  TRAINING_METHODS,
  trainCnc,
  trainDfr,
  trainErm,
  trainFinetune,
  trainGroupDro,
  trainJtt,
  trainRwg,
  trainRwy,
  trainSdclr,
  trainSubg,
  trainSuby,
} from './train/methods.js';
export type { TrainingMethod } from './train/method.js';
export type { ErmOptions } from './train/recipe.js';
export type { FinetuneOptions } from './train/methods/finetune.js';
export type { EpochMetrics, TrainedRun, TrainingResult } from './train/results.js';
export { openRun, RunFolder } from './train/runFolder.js';

// Trace: find the neurons that memorize, perturb them, and see where a model looks.
export { traceUnstructured, type TraceOptions } from './experiments/traceUnstructured.js';
export { traceStructured } from './experiments/traceStructured.js';
export { traceOverlap } from './experiments/traceOverlap.js';
export { traceMinimal } from './experiments/traceMinimal.js';
export { gradCam, type GradCamOptions } from './experiments/gradCam.js';
export type { TraceUnstructuredResult } from './experiments/results.js';
export { TraceSession } from './experiments/traceSession.js';

// Reproduce the article, compare over seeds, report.
export { reproducePart1, type Part1Options } from './reproduce/part1.js';
export { reproducePart2, type Part2Options } from './reproduce/part2.js';
export { reproduceQuickstart } from './reproduce/quickstart.js';
export { FIGURES } from './report/figures.js';
export { STUDIES } from './reproduce/studies.js';
export { evaluateRun } from './experiments/evaluateRun.js';
export { runStudy } from './experiments/study.js';
export { writeReport } from './report/writeReport.js';
export { writeRunsReport } from './report/runsReport.js';

// Settings: what there is to set, with the article's and the published code's values.
export { ERM_SETTINGS, MODEL_SETTINGS } from './train/ermSettings.js';
export { FINETUNE_SETTINGS } from './train/finetune/settings.js';
export { TRACE_SETTINGS } from './experiments/traceSettings.js';

// Data.
export { loadDataset, type Dataset, type DatasetOptions } from './data/dataset.js';
export { buildDominoes, DEFAULT_DOMINOES, type DominoesOptions } from './data/dominoes.js';
export { composeDataset } from './data/compose/compose.js';
export type { ComposeOptions } from './data/compose/options.js';
export { BatchLoader } from './data/batches.js';

// Build experiments of one's own: models, neurons, variants, metrics.
export { Model } from './models/model.js';
export { loadWeights } from './models/weights.js';
export { readSafetensors, writeSafetensors } from './models/safetensors.js';
export { CRITERIA } from './neurons/criteria.js';
export { PERTURBATIONS } from './neurons/perturbations.js';
export { selectTopK } from './neurons/select.js';
export { maskNeurons } from './neurons/perturb.js';
export type { Neuron } from './neurons/neuron.js';
export { evaluateVariants } from './experiments/evaluateVariants.js';
export { evaluate } from './metrics/evaluate.js';
export { groupAccuracies } from './metrics/groups.js';
export { native } from './native/addon.js';
export { joinProcessGroup } from './native/processGroup.js';

// Errors, progress, versions.
export { SpurmemError, type ErrorCode } from './errors.js';
export type { JobOptions, ProgressEvent } from './progress.js';
export { versions } from './versions.js';
