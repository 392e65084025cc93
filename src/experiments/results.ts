import type { Split } from '../data/split.js';
import type { Interval } from '../metrics/intervals.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import type { Loss } from '../metrics/loss.js';
import type { Unit } from '../native/addon.js';
import type { MonteCarloTest } from '../metrics/monteCarlo.js';
import type { NullName } from '../neurons/nulls.js';
import type { CriterionName } from '../neurons/criteria.js';
import type { Neuron } from '../neurons/neuron.js';
import type { PerturbationName } from '../neurons/perturbations.js';
import type { GradientSource } from '../neurons/score.js';
import type { MagnitudeLayers } from '../neurons/select.js';
import type { Protocol } from '../protocol.js';
import type { TraceCost } from './evaluateVariants.js';
import type { LostOfGroup, PicturedExample } from './lostExamples.js';
import type { Outcome, OutcomeValues } from './outcomes.js';
import type { PrecisionChange } from './precisionChange.js';

/** What a session gives every trace to record. */
export interface SessionHeader {
  /** sha256 of the traced weights file. */
  readonly checkpoint: string;
  readonly unit: Unit;
  /** Neurons in the whole model, M. */
  readonly numNeurons: number;
  /** Whose settings were the defaults. */
  readonly protocol: Protocol;
  /** What ranked samples and whose gradient was taken. */
  readonly loss: Loss;
  /** Where magnitude chose neurons. */
  readonly magnitudeLayers: MagnitudeLayers;
  /** Samples of the group that were picked by their loss, how many of them were drawn, and the seed of the draw. */
  readonly gradientSource: GradientSource & { readonly seed: number };
  /** Left out where the trace computes as its run did. */
  readonly precision?: PrecisionChange;
}

/** What every trace records. */
export interface TraceHeader extends SessionHeader {
  readonly split: Split;
  /** Examples of each majority group that were measured at most; left out by earlier versions, which measured all. */
  readonly samples?: number;
  /** Of the examples that were measured. */
  readonly baseline: GroupAccuracies;
  readonly cost: TraceCost;
  /** The comparison with random neurons; null where none was asked for. */
  readonly controls: ControlsHeader | null;
}

/** One bar of the article's Figs 2, 4 and 5: the neurons chosen for one group, and what perturbing them did. */
export interface TraceEntry {
  readonly criterion: CriterionName;
  /** The group whose worst samples gave the gradient. What a criterion that does not depend on the group chose repeats. */
  readonly group: number;
  readonly k: number;
  /** Standard deviation of the perturbation; null where nothing is drawn. */
  readonly sigma: number | null;
  /** The k neurons, highest score first. */
  readonly neurons: readonly Neuron[];
  /** Accuracy of each group, [numGroups], as a fraction: the mean over seeds. */
  readonly accuracy: readonly number[];
  /** Perturbed minus baseline accuracy of each group, [numGroups]: the mean over seeds; the article plots |change|. */
  readonly change: readonly number[];
  /** Standard deviation of the change over seeds, [numGroups]; null where there is one seed or none. */
  readonly changeStd: readonly number[] | null;
  /** 95 % score interval of the accuracy and of the change of each group, [numGroups], over the examples. */
  readonly accuracyInterval: readonly Interval[];
  readonly changeInterval: readonly Interval[];
  /** Change of each group's mean margin and mean loss, [numGroups], and their intervals; left out by earlier versions. */
  readonly margin?: readonly number[];
  readonly marginInterval?: readonly Interval[];
  readonly loss?: readonly number[];
  readonly lossInterval?: readonly Interval[];
  /** Change of all minority examples minus that of all majority ones; null where a group has no examples. */
  readonly difference?: OutcomeValues | null;
  /** What each group lost, [numGroups]; of drawn perturbations under the first seed. Left out by earlier versions. */
  readonly lost?: readonly LostOfGroup[];
  /**
   * Beside random neurons, by null; null without controls. Of earlier versions: the accuracy of each group, [numGroups], beside
   * random neurons of the same layers.
   */
  readonly controls: SetComparisons | readonly NullDistribution[] | null;
}

/** Where rewound neurons got their weights. */
export interface RewoundTo {
  /** How many epochs before the traced one. */
  readonly epochs: number;
  /** The epoch after which they were theirs, counted from 1, and the sha256 of its weights file. */
  readonly epoch: number;
  readonly checkpoint: string;
}

/** `results/trace-unstructured*.json` (article, Figs 2, 4, 5, 11, 12). */
export interface TraceUnstructuredResult extends TraceHeader {
  readonly kind: 'trace-unstructured';
  readonly perturbation: PerturbationName;
  /** Seeds of the perturbation's draws; empty where it draws nothing, as zeroing. */
  readonly seeds: readonly number[];
  /** How many of the seeds, from the first on, each criterion was averaged over; left out where nothing is drawn. */
  readonly repeats?: Readonly<Partial<Record<CriterionName, number>>>;
  /** Left out where no weights of an earlier epoch were taken. */
  readonly rewound?: RewoundTo;
  /** Of each group, examples that it lost to its own neurons; left out by earlier versions. */
  readonly pictures?: readonly PicturedExample[];
  readonly entries: readonly TraceEntry[];
}

/** One cell of the article's Fig. 7: the top neurons of one layer for one group, zeroed, and that group's accuracy. */
export interface LayerEntry {
  readonly criterion: CriterionName;
  readonly layer: string;
  readonly group: number;
  readonly k: number;
  readonly neurons: readonly Neuron[];
  readonly accuracy: number;
  readonly change: number;
  /** Samples of the group that were right and became wrong, and the other way round. */
  readonly lost: number;
  readonly gained: number;
  /** 95 % score interval of the accuracy and of the change, over the examples. */
  readonly accuracyInterval: Interval;
  readonly changeInterval: Interval;
  /** Change of the group's mean margin and mean loss, and their intervals; left out by earlier versions. */
  readonly margin?: number;
  readonly marginInterval?: Interval;
  readonly loss?: number;
  readonly lossInterval?: Interval;
  /** Beside random neurons, by null; null without controls. Of earlier versions: beside random neurons of the layer. */
  readonly controls: SetComparisons | NullDistribution | null;
}

/** `results/trace-structured.json` (article, Fig. 7). */
export interface TraceStructuredResult extends TraceHeader {
  readonly kind: 'trace-structured';
  readonly perturbation: 'zero';
  /** In the model's order; magnitude has no entries in those that it does not choose from. */
  readonly layers: readonly string[];
  readonly entries: readonly LayerEntry[];
}

/**
 * What a chosen neuron's rank is among (article, Fig. 3, which can be read in three ways): the norms of all neurons of the model;
 * those of its layer ("in the convolutional layer"); or, for each of its single weights, all single weights of the model, as the
 * published code logs it.
 */
export const RANK_READINGS = ['model', 'layer', 'weights'] as const;
export type RankReading = (typeof RANK_READINGS)[number];

/** Width of the bins that ranks are counted in, in percent: the last two hold 95 to 100 %, as the article's. */
export const RANK_BIN = 2.5;

/** The ranks of one criterion's top neurons under another criterion. */
export interface OverlapEntry {
  /** Left out in results of earlier versions: `model`. */
  readonly reading?: RankReading;
  readonly group: number;
  /** The criterion that chose the neurons, and the one that ranks them. */
  readonly chosenBy: CriterionName;
  readonly rankedBy: CriterionName;
  readonly neurons: readonly (Neuron & {
    /**
     * Share of what it is ranked among whose score under `rankedBy` is not above this one's, in percent; 100 is the highest. Of
     * single weights the median.
     */
    readonly percentile: number;
  })[];
  /** Of single weights: how many ranks each bin holds, [100 / RANK_BIN]. */
  readonly counts?: readonly number[];
}

/** `results/trace-overlap.json` (article, Fig. 3). */
export interface TraceOverlapResult extends SessionHeader {
  readonly kind: 'trace-overlap';
  /** Share of all neurons that a criterion chooses, and their number, ceil(fraction * M). */
  readonly fraction: number;
  readonly count: number;
  readonly entries: readonly OverlapEntry[];
}

/**
 * A change beside those of random neurons, on the same examples and under the same seeds: a sequential Monte Carlo test. Results
 * of earlier versions have a p-value by |change| on a part of the examples, and neither `pDrop` nor `draws`.
 */
export interface NullDistribution extends Omit<MonteCarloTest, 'pDrop' | 'draws'> {
  /** That of the chosen neurons. */
  readonly change: number;
  readonly pDrop?: number;
  readonly draws?: number;
}

/** A test for each outcome. */
export type OutcomeTests = Readonly<Record<Outcome, NullDistribution>>;

/** What a set of neurons did beside one null. */
export interface NullComparison {
  /** By group, [numGroups]; null where a group was not asked for, or its change is no number. */
  readonly groups: readonly (OutcomeTests | null)[];
  /** Minority minus majority change; null where not all groups were asked for. */
  readonly difference: OutcomeTests | null;
}

/** What a set of neurons was compared with, by null. */
export type SetComparisons = Readonly<Partial<Record<NullName, NullComparison>>>;

/** What a trace records of its controls. */
export interface ControlsHeader {
  /** Draws at most for each set of neurons and null. */
  readonly draws: number;
  /** Exceedances that decide a side of a test; left out by earlier versions, which made all draws. */
  readonly exceedances?: number;
  /** Left out by earlier versions, which had the first alone. */
  readonly nulls?: readonly NullName[];
  readonly cost: TraceCost;
}
