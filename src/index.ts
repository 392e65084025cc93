/**
 * spurmem as a library: the same steps that the command line runs.
 *
 * @packageDocumentation
 */
export { SpurmemError, type ErrorCode } from './errors.js';
export type { JobOptions, ProgressEvent, ProgressReporter } from './progress.js';
export { packageVersion, versions } from './versions.js';
export { PROTOCOLS, type Protocol } from './protocol.js';

export {
  native,
  type Generator,
  type MemoryFormat,
  type Tensor,
  type Unit,
  type WeightEdit,
} from './native/addon.js';
export { resolveDevice, setThreads } from './native/device.js';

export { SPLITS, type Split } from './data/split.js';
export { ARTICLE_PREPROCESSING, type Preprocessing } from './data/preprocessing.js';
export {
  groupCounts,
  loadDataset,
  requireGroups,
  type Dataset,
  type DatasetOptions,
  type Example,
  type ResolvedOptions,
} from './data/dataset.js';
export { coverageOf, type CoreRegion, type RegionCoverage } from './data/coreRegion.js';
export { parseColumns, type Columns } from './data/columns.js';
export { minorityGroups } from './data/minorityGroups.js';
export { DEFAULT_DOMINOES, GARMENTS, buildDominoes, type DominoesOptions } from './data/dominoes.js';
export { buildImageStore, type ImageStoreIndex } from './data/imageStore.js';
export { Batch, BatchLoader } from './data/batches.js';

export { ARCHITECTURES, type Architecture } from './models/architectures.js';
export { Model } from './models/model.js';
export {
  readSafetensors,
  writeSafetensors,
  type SafetensorsFile,
  type TensorData,
} from './models/safetensors.js';
export { readWeights, type WeightsFile } from './models/readWeights.js';
export { loadWeights, type LoadedWeights } from './models/weights.js';

export { GroupCounter, groupAccuracies, type GroupAccuracies } from './metrics/groups.js';
export {
  BOOTSTRAP,
  accuracyInterval,
  changeInterval,
  meanInterval,
  type Interval,
} from './metrics/bootstrap.js';
export { heatShare } from './metrics/heatShare.js';
export { evaluate, type Evaluation } from './metrics/evaluate.js';
export { LOSSES, lossOf, type Loss } from './metrics/loss.js';

export { CRITERIA, type Criterion, type Neuron, type NeuronLayer } from './neurons/neuron.js';
export {
  GRADIENT_ORDERS,
  gradientScores,
  magnitudeScores,
  worstSamples,
  type GradientOrder,
  type GradientSource,
  type ScoredExample,
} from './neurons/score.js';
export {
  MAGNITUDE_LAYERS,
  fractionToCount,
  magnitudeLayers,
  selectInLayer,
  selectTopK,
  type MagnitudeLayers,
} from './neurons/select.js';
export {
  PERTURBATIONS,
  drawForNeurons,
  maskNeurons,
  perturbNeurons,
  perturbedVariants,
  type NeuronMask,
  type NeuronPlace,
  type Perturbation,
  type PerturbationKind,
  type Variant,
} from './neurons/perturb.js';

export { Adam } from './train/adam.js';
export { ReduceLROnPlateau, type ReduceLROnPlateauState } from './train/scheduler.js';
export { trainErm, type ErmOptions, type ErmSettings } from './train/erm.js';
export { trainFinetune, type FinetuneChoices, type FinetuneOptions } from './train/finetune.js';
export type { FinetuneSettings } from './train/finetuneSettings.js';
export * from './train/finetuneWords.js';
export {
  DEFAULT_DFR,
  DEFAULT_GROUP_DRO,
  DEFAULT_JTT,
  GROUP_DRO_SAMPLINGS,
  type GroupDroSampling,
} from './train/baselineSettings.js';
export { GroupWeights, trainGroupDro, type GroupDroOptions } from './train/groupDro.js';
export { trainRwg, trainRwy } from './train/reweighting.js';
export { trainSubg, trainSuby } from './train/subsampling.js';
export { trainJtt, type JttOptions } from './train/jtt.js';
export { trainDfr, type DfrOptions, type DfrResult } from './train/dfr.js';
export type { TunedStrength } from './train/dfrFit.js';
export { fitLogistic, type Design, type LogisticFit } from './train/logisticRegression.js';
export type { RunOptions } from './train/startRun.js';
export type { TrainingOptions } from './train/trainRun.js';
export type { EpochMetrics, TrainingResult } from './train/metrics.js';
export {
  TRAINING_METHODS,
  type DfrConfig,
  type EpochsConfig,
  type ErmConfig,
  type FinetuneConfig,
  type GroupDroConfig,
  type JttConfig,
  type ReweightedConfig,
  type SubsampledConfig,
  type TrainingMethodName,
} from './train/runConfig.js';
export { RunFolder, openRun, type RunConfig, type RunEnvironment } from './train/runFolder.js';
export type { VitOptions } from './train/vitOptions.js';

export {
  evaluateVariants,
  summarizeOutcomes,
  type GroupOutcome,
  type OutcomeSummary,
  type PlannedVariant,
  type TraceCost,
  type VariantOutcomes,
} from './experiments/evaluateVariants.js';
export {
  DEFAULT_CONTROLS,
  compareWithRandom,
  type ControlOptions,
  type ControlledSet,
  type Controls,
  type ControlsHeader,
  type NullDistribution,
} from './experiments/controls.js';
export { TRACE_DEFAULTS, type GradientSourceOptions, type TraceDefaults } from './experiments/protocol.js';
export { TraceSession, type SessionOptions, type TraceSettings } from './experiments/traceSession.js';
export { ARTICLE_PERTURBATION } from './experiments/articlePerturbation.js';
export {
  traceUnstructured,
  traceUnstructuredIn,
  type TraceOptions,
} from './experiments/traceUnstructured.js';
export {
  traceStructured,
  traceStructuredIn,
  type TraceStructuredOptions,
} from './experiments/traceStructured.js';
export { traceOverlap, traceOverlapIn, type TraceOverlapOptions } from './experiments/traceOverlap.js';
export { GRAD_CAM_DEFAULTS, gradCam, type GradCamOptions } from './experiments/gradCam.js';
export type * from './experiments/gradCamResult.js';
export type * from './experiments/results.js';

export { renderFigures, renderReport, type RunReport } from './report/runReport.js';
export { writeReport } from './report/writeReport.js';
export { runStudy, type StudyOptions, type StudyResult, type StudyRow } from './experiments/study.js';
export type {
  ArmOptions,
  SeedOutcome,
  StudyArm,
  StudyBaseline,
  StudyErm,
  StudyFinetune,
} from './experiments/studyArm.js';
export {
  ATTRIBUTION_CONTROLS,
  PART2,
  gridPlan,
  part2Plans,
  type Part2Study,
  type StudyGrid,
  type StudyPlan,
} from './reproduce/part2Studies.js';
export {
  reproducePart2,
  type Part2Options,
  type Part2Result,
  type Part2StudyResult,
} from './reproduce/part2.js';
export {
  pairedDifference,
  summarizeSeeds,
  type PairedDifference,
  type SeedSummary,
} from './metrics/seeds.js';
export { PART1, SIGMA_GRID, type ArticleFigure } from './reproduce/articleFigures.js';
export { reproduceFig10, type Fig10Result } from './reproduce/fig10.js';
export { reproducePart1, type FigureResult, type Part1Options, type Part1Result } from './reproduce/part1.js';
export {
  reproduceQuickstart,
  type QuickstartOptions,
  type QuickstartResult,
} from './reproduce/quickstart.js';
export { ARTICLE_ERM, RELEASED_ERM, type ErmRecipe } from './train/ermRecipes.js';
export {
  ARTICLE_FINETUNE,
  FINETUNE_RECIPES,
  RELEASED_FINETUNE,
  type FinetuneRecipe,
} from './train/finetuneRecipes.js';
export { CHECKPOINTS, type SelectedCheckpoint } from './train/selection.js';
