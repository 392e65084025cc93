import type { Dataset } from '#src/data/dataset.js';
import type { Split } from '#src/data/split.js';
import { evaluateVariants } from '#src/experiments/evaluateVariants.js';
import type { GroupOutcome } from '#src/experiments/outcomes.js';
import { TraceSession } from '#src/experiments/traceSession.js';
import type { CriterionName } from '#src/neurons/criteria.js';
import { maskNeurons, type NeuronMask } from '#src/neurons/perturb.js';
import { selectInLayer } from '#src/neurons/select.js';
import { secondsOf, type Workload, type WorkloadPlace } from '../workload.js';

export interface VariantSettings {
  readonly run: string;
  readonly split: Split;
  readonly criteria: readonly CriterionName[];
  readonly topK: number;
}

/** A variant of structured tracing: one layer's top neurons for one group, removed. */
interface LayerVariant {
  /** Such as `gradient layer1.0.conv1 G2`. */
  readonly name: string;
  readonly mask: NeuronMask;
  readonly group: number;
}

/** All variants of structured tracing in one pass over the data, as `trace structured` evaluates them. */
export async function variantsTogether(settings: VariantSettings, place: WorkloadPlace): Promise<Workload> {
  const { session, indices, variants } = await openVariants(settings, place);
  const planned = variants.map(({ mask, group }) => ({ ...mask, groups: [group] }));
  return {
    units: variants.length,
    run: async () => {
      const outcome: Record<string, string> = {};
      let costRatio = 0;
      const seconds = await secondsOf(async () => {
        const outcomes = await evaluateVariants(session.model, session.loader, indices, planned, {
          ...session.job,
          task: 'variants',
        });
        costRatio = outcomes.cost.ratio;
        for (const [i, { name, group }] of variants.entries()) {
          outcome[name] = describe(outcomes.variants[i]?.[group] as GroupOutcome);
        }
      });
      return { seconds, outcome, measures: { 'cost.ratio': costRatio } };
    },
  };
}

/**
 * Evaluates these variants one after the other, each in its own pass over the whole split.
 *
 * @param settings.most how many variants are run, spread evenly over all of them; the time is scaled up to all
 */
export async function variantsAlone(
  settings: VariantSettings & { readonly most?: number },
  place: WorkloadPlace,
): Promise<Workload> {
  const { session, indices, variants } = await openVariants(settings, place);
  const chosen = spread(variants, settings.most ?? variants.length);
  return {
    units: variants.length,
    run: async () => {
      const outcome: Record<string, string> = {};
      const measured = await secondsOf(async () => {
        for (const variant of chosen) outcome[variant.name] = await evaluateAlone(session, indices, variant);
      });
      const seconds = (measured * variants.length) / chosen.length;
      return chosen.length === variants.length
        ? { seconds, outcome }
        : { seconds, outcome, scaled: { measured: chosen.length, of: variants.length, what: 'variants' } };
    },
  };
}

/** Returns up to `most` items, evenly spaced, from the first one to the last. */
export function spread<Item>(items: readonly Item[], most: number): Item[] {
  if (most >= items.length) return [...items];
  return Array.from({ length: most }, (_, i) => {
    const position = most === 1 ? 0 : Math.round((i * (items.length - 1)) / (most - 1));
    return items[position] as Item;
  });
}

async function openVariants(
  { run, split, criteria, topK }: VariantSettings,
  { device, threads }: WorkloadPlace,
): Promise<{ session: TraceSession; indices: Int32Array; variants: LayerVariant[] }> {
  const session = await TraceSession.open({ run, seed: 0, device, threads });
  const { dataset, unitLayers } = session;
  const variants: LayerVariant[] = [];
  for (const criterion of criteria) {
    for (const group of dataset.groupNames.keys()) {
      const scores = await session.scores(criterion, group);
      for (const { name: layer } of session.candidates(criterion)) {
        const mask = maskNeurons(selectInLayer(scores, unitLayers, layer, topK));
        variants.push({ name: `${criterion} ${layer} G${group}`, mask, group });
      }
    }
  }
  return { session, indices: dataset.splits[split], variants };
}

async function evaluateAlone(
  { dataset, loader, model, job }: TraceSession,
  indices: Int32Array,
  { mask, group }: LayerVariant,
): Promise<string> {
  let correct = 0;
  let total = 0;
  for await (const batch of loader.evaluation(indices, job.batchSize)) {
    using current = batch;
    using logits = (await model.network.run(current.images, { edits: mask.edits })).logits;
    const predictions = await logits.argmax();
    current.indices.forEach((index, i) => {
      if (dataset.groups[index] !== group) return;
      total += 1;
      correct += isRight(dataset, index, predictions[i]) ? 1 : 0;
    });
  }
  return describe({ correct, total });
}

function isRight({ labels }: Dataset, index: number, prediction: number | undefined): boolean {
  return labels[index] === prediction;
}

function describe({ correct, total }: Pick<GroupOutcome, 'correct' | 'total'>): string {
  return `${correct} of ${total}`;
}
