import type { Interval } from '../metrics/intervals.js';
import type { MannWhitney } from '../metrics/mannWhitney.js';
import type { Neuron } from '../neurons/neuron.js';
import type { SessionHeader } from './results.js';

/** What a model does to the reference examples. */
export interface ReferenceState {
  /** As a fraction. */
  readonly accuracy: number;
  /** Mean over the examples. */
  readonly loss: number;
}

/** A measure before neurons are zeroed, and after. */
export interface BeforeAfter<Value> {
  readonly before: Value;
  readonly after: Value;
}

/** An example, and the neurons without which the model forgets it. */
export interface MinimalExample {
  readonly group: number;
  readonly filename: string;
  /** Neurons that were zeroed: as many as it needs, or the most allowed where it did not flip. */
  readonly count: number;
  /** Whether the example was predicted wrong after the last one. */
  readonly flipped: boolean;
  /** In the order in which they were zeroed, with the scores that chose them. */
  readonly neurons: readonly Neuron[];
  /** The example's loss. */
  readonly loss: BeforeAfter<number>;
  /** The reference examples, the example itself left out. */
  readonly reference: BeforeAfter<ReferenceState>;
}

/** The examples of one group, or of several. An example that did not flip counts as the most neurons allowed. */
export interface MinimalSummary {
  readonly examples: number;
  /** Share of them that flipped; null, as what follows, where there are none. */
  readonly flipped: number | null;
  /** Neurons an example. */
  readonly median: number | null;
  readonly mean: number | null;
  /** 95 % bootstrap interval of the mean, over the examples. */
  readonly interval: Interval | null;
  /** Mean change of the accuracy on the reference examples. */
  readonly referenceChange: number | null;
}

/** Examples of minority groups against those of majority groups. */
export interface MinimalComparison extends MannWhitney {
  readonly minority: MinimalSummary;
  readonly majority: MinimalSummary;
  /** Median of the minority minus that of the majority. */
  readonly difference: number;
  /** Probability that a minority example needs fewer neurons than a majority example; a tie counts a half. */
  readonly probabilityFewer: number;
}

/** `results/trace-minimal.json`. */
export interface TraceMinimalResult extends Pick<
  SessionHeader,
  'checkpoint' | 'unit' | 'numNeurons' | 'loss'
> {
  readonly kind: 'trace-minimal';
  /** Examples of each group at most, reference examples, and neurons at which an example was given up. */
  readonly examplesPerGroup: number;
  readonly referenceSize: number;
  readonly mostNeurons: number;
  /** Of the draw of examples. */
  readonly seed: number;
  readonly groups: readonly MinimalSummary[];
  /** Over examples of this one model; null where one of the two has none. */
  readonly comparison: MinimalComparison | null;
  readonly examples: readonly MinimalExample[];
}
