import type { Batch, BatchLoader } from '../data/batches.js';
import { countCorrect } from '../metrics/evaluate.js';
import { accuracyInterval, changeInterval, type Interval } from '../metrics/intervals.js';
import { GroupCounter, type GroupAccuracies } from '../metrics/groups.js';
import { mean, standardDeviation } from '../metrics/statistics.js';
import type { Model } from '../models/model.js';
import { unknownLayer } from '../neurons/neuron.js';
import type { Variant } from '../neurons/perturb.js';
import { throwIfAborted, type JobOptions } from '../progress.js';

/** A variant, and the groups whose accuracies are wanted; all of them when `groups` is left out. */
export interface PlannedVariant extends Variant {
  readonly groups?: readonly number[] | undefined;
}

/** What one group's examples did under a variant, against the model as it is. */
export interface GroupOutcome {
  readonly total: number;
  /** Right under the variant. */
  readonly correct: number;
  /** Right before, wrong under the variant. */
  readonly lost: number;
  /** Wrong before, right under the variant. */
  readonly gained: number;
}

/** The work of a trace, in forward passes of one image through the whole model. */
export interface TraceCost {
  /** Evaluating each variant alone on the whole split. */
  readonly naiveForwards: number;
  /** What was computed, each part weighted by its share of the model's multiply-adds. */
  readonly runForwards: number;
  /** run / naive. */
  readonly ratio: number;
}

export interface VariantOutcomes {
  /** The model as it is, on every group. */
  readonly baseline: GroupAccuracies;
  /** For each variant in the order given, one outcome a group; null for groups that were not asked for. */
  readonly variants: readonly (readonly (GroupOutcome | null)[])[];
  readonly cost: TraceCost;
}

/**
 * Evaluates a model and perturbed variants of it, the one way to evaluate perturbed models. The data is read once, in
 * batches of one group each; a batch runs through the whole model once, and then through each variant that wants its
 * group, only from the first stage that the variant changes. Equal variants are evaluated once. The model's weights do not
 * change.
 *
 * @param indices positions in the dataset's examples, [N], with examples of every group
 * @throws `NEURONS_INVALID` when a variant names a layer that the model does not have
 */
export async function evaluateVariants(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  variants: readonly PlannedVariant[],
  options: JobOptions & { readonly batchSize: number; readonly task: string },
): Promise<VariantOutcomes> {
  const { dataset } = loader;
  const groups = Array.from({ length: dataset.numGroups }, (_, group) => group);
  const distinct = mergeEqual(variants, groups).map((variant) => ({
    ...variant,
    stage: firstStage(model, variant),
    outcomes: groups.map((): MutableOutcome => ({ total: 0, correct: 0, lost: 0, gained: 0 })),
  }));
  const ofGroup = groups.map((group) => indices.filter((index) => dataset.groups[index] === group));
  const sizeOf = (group: number): number => ofGroup[group]?.length ?? 0;
  const total =
    indices.length +
    distinct.reduce(
      (sum, variant) => sum + [...variant.groups].reduce((all, group) => all + sizeOf(group), 0),
      0,
    );
  const baseline = new GroupCounter(dataset.numGroups);
  let shares: number[] | undefined;
  let done = 0;
  let runForwards = 0;

  for (const group of groups) {
    const wanted = distinct.filter((variant) => variant.groups.has(group));
    const stages = [...new Set(wanted.map(({ stage }) => stage))];
    for await (const batch of loader.evaluation(ofGroup[group] as Int32Array, options.batchSize)) {
      using current = batch;
      shares ??= await remainingShares(model, current);
      const size = current.indices.length;
      const { logits, inputs } = await model.network.forwardStages(current.images, stages);
      try {
        const before = await logits.argmax();
        countCorrect(baseline, dataset, current.indices, before);
        runForwards += size;
        done += size;
        for (const variant of wanted) {
          throwIfAborted(options.signal, options.task);
          const input = inputs[stages.indexOf(variant.stage)];
          if (!input) throw new RangeError(`Stage ${variant.stage} has no input`);
          using perturbed = await model.network.forwardFrom(variant.stage, input, variant.edits);
          addOutcome(
            variant.outcomes[group] as MutableOutcome,
            dataset,
            current,
            before,
            await perturbed.argmax(),
          );
          runForwards += size * (shares[variant.stage] ?? 1);
          done += size;
          options.onProgress?.({ task: options.task, done, total, unit: 'images' });
        }
      } finally {
        for (const tensor of [logits, ...inputs]) tensor.dispose();
      }
    }
  }
  const naiveForwards = variants.length * indices.length;
  const byKey = new Map(distinct.map(({ key, outcomes }) => [key, outcomes]));
  return {
    baseline: baseline.accuracies(dataset.counts.train),
    variants: variants.map(({ key, groups: asked = groups }) =>
      groups.map((group) => (asked.includes(group) ? (byKey.get(key)?.[group] ?? null) : null)),
    ),
    cost: { naiveForwards, runForwards, ratio: naiveForwards === 0 ? 0 : runForwards / naiveForwards },
  };
}

/** Perturbed minus baseline accuracy. */
export function changeOf({ gained, lost, total }: GroupOutcome): number {
  return (gained - lost) / total;
}

/** What one set of neurons did, over one variant or one for each seed: means, and 95 % score intervals over the examples. */
export interface OutcomeSummary {
  readonly accuracy: number[];
  readonly change: number[];
  /** Standard deviation of the change over variants; null for a single one. */
  readonly changeStd: number[] | null;
  readonly accuracyInterval: Interval[];
  readonly changeInterval: Interval[];
}

/** Summarizes the outcomes of variants of one set of neurons, each evaluated on all these groups. */
export function summarizeOutcomes(
  outcomes: readonly (readonly GroupOutcome[])[],
  groups: readonly number[],
): OutcomeSummary {
  const over = <Value>(summarize: (ofGroup: GroupOutcome[]) => Value): Value[] =>
    groups.map((group) => summarize(outcomes.map((variant) => variant[group] as GroupOutcome)));
  return {
    accuracy: over((ofGroup) => mean(ofGroup.map(({ correct, total }) => correct / total))),
    change: over((ofGroup) => mean(ofGroup.map(changeOf))),
    changeStd: outcomes.length > 1 ? over((ofGroup) => standardDeviation(ofGroup.map(changeOf))) : null,
    accuracyInterval: over((ofGroup) => {
      const { correct, total } = meanOutcome(ofGroup);
      return accuracyInterval(correct, total);
    }),
    changeInterval: over((ofGroup) => changeInterval(meanOutcome(ofGroup))),
  };
}

/** Mean counts: what a typical variant did. */
function meanOutcome(outcomes: readonly GroupOutcome[]): GroupOutcome {
  const count = (name: keyof GroupOutcome): number => mean(outcomes.map((outcome) => outcome[name]));
  return { total: count('total'), correct: count('correct'), lost: count('lost'), gained: count('gained') };
}

type MutableOutcome = { -readonly [Key in keyof GroupOutcome]: GroupOutcome[Key] };

function addOutcome(
  outcome: MutableOutcome,
  { labels }: { readonly labels: Int32Array },
  { indices }: Batch,
  before: Int32Array,
  after: Int32Array,
): void {
  indices.forEach((index, i) => {
    const wasRight = before[i] === labels[index];
    const isRight = after[i] === labels[index];
    outcome.total += 1;
    if (isRight) outcome.correct += 1;
    if (wasRight && !isRight) outcome.lost += 1;
    if (!wasRight && isRight) outcome.gained += 1;
  });
}

/** One variant for each key, wanted on all the groups that any of its equals is wanted on. */
function mergeEqual(
  variants: readonly PlannedVariant[],
  allGroups: readonly number[],
): (Variant & { groups: Set<number> })[] {
  const merged = new Map<string, Variant & { groups: Set<number> }>();
  for (const { key, edits, groups } of variants) {
    const entry = merged.get(key) ?? { key, edits, groups: new Set<number>() };
    for (const group of groups ?? allGroups) entry.groups.add(group);
    merged.set(key, entry);
  }
  return [...merged.values()];
}

/** For each stage, the share of the model's multiply-adds that it and those after it make up. */
async function remainingShares(model: Model, batch: Batch): Promise<number[]> {
  const costs = await model.network.stageCosts(batch.images);
  const whole = costs.reduce((sum, cost) => sum + cost, 0);
  return Array.from(costs, (_, stage) => costs.subarray(stage).reduce((sum, cost) => sum + cost, 0) / whole);
}

/** The first stage that a variant changes; a variant that changes nothing starts at the last one. */
function firstStage(model: Model, variant: Variant): number {
  const { layers, stages } = model.description;
  let first = stages.length - 1;
  for (const { layer } of variant.edits) {
    const found = layers.find(({ name }) => name === layer);
    if (!found) throw unknownLayer(layer, layers);
    first = Math.min(first, found.stage);
  }
  return first;
}
