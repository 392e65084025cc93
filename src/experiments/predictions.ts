import type { Dataset, Example } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import type { Row } from '../kit/rows.js';
import type { Evaluation } from '../metrics/evaluate.js';
import { judge } from './outcomes.js';

/** A model's answer to an image, and the probability of each class, such as `p_landbird`. */
export type Prediction = Row & {
  /** Relative to the dataset's folder. */
  readonly file: string;
  readonly split: Split;
  /** The class's name, as in `prediction`. */
  readonly class: string;
  readonly attribute: string;
  readonly group: number;
  /** Whether the run trained on it, where it left some of its training split out. */
  readonly trained?: boolean;
  readonly prediction: string;
  /** The softmax of the logits, of the image's own class. */
  readonly probability: number;
  /** The logit of the image's class minus the largest other one. */
  readonly margin: number;
  /** By the run's loss, in nats. */
  readonly loss: number;
};

/** Returns a row for each of these examples, [N], from an evaluation with logits. */
export function predictionRows(
  { examples, labels, splits, targetNames, spuriousNames }: Dataset,
  indices: Int32Array,
  { losses, predictions, logits = new Float32Array() }: Evaluation,
): Prediction[] {
  const classes = targetNames.length;
  const trained = new Set(splits.train);
  const leavesOut = examples.some((example, index) => example.split === 'train' && !trained.has(index));
  const nameOf = (y: number): string => targetNames[y] ?? String(y);
  const { margins } = judge(
    logits,
    indices.map((index) => labels[index] as number),
  );
  return Array.from(indices, (index, i) => {
    const { filename: file, split, y, a, group } = examples[index] as Example;
    const probabilities = softmax(logits.subarray(i * classes, (i + 1) * classes));
    return {
      file,
      split,
      class: nameOf(y),
      attribute: spuriousNames[a] ?? String(a),
      group,
      ...(leavesOut ? { trained: trained.has(index) } : {}),
      prediction: nameOf(predictions[i] as number),
      probability: probabilities[y] as number,
      margin: margins[i] as number,
      loss: losses[i] as number,
      ...Object.fromEntries(probabilities.map((p, of) => [`p_${nameOf(of)}`, p])),
    };
  });
}

function softmax(logits: Float32Array): number[] {
  const highest = logits.reduce((most, value) => Math.max(most, value));
  const powers = Array.from(logits, (value) => Math.exp(value - highest));
  const sum = powers.reduce((total, power) => total + power);
  return powers.map((power) => power / sum);
}
