import type { BatchLoader } from '../data/batches.js';
import { usageError } from '../errors.js';
import { evaluateModel } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import type { Generator } from '../native/interface.js';
import type { JobOptions } from '../progress.js';
import type { ChoiceSettings } from './settings.js';

type GradientSource = Pick<ChoiceSettings, 'gradientWorst' | 'gradientDrawn' | 'gradientOrder'>;

/** Throws `USAGE` when more samples are drawn than there are to draw from. */
export function requireGradientSource({
  gradientWorst: worst,
  gradientDrawn: drawn,
}: Omit<GradientSource, 'gradientOrder'>): void {
  if (drawn <= worst) return;
  throw usageError(
    'gradientDrawn',
    drawn,
    `a whole number from 1 to ${worst}`,
    `\`gradientDrawn\` is ${drawn}, more than the ${worst} of \`gradientWorst\` that they are drawn from.`,
    `Ask for 1 to ${worst}.`,
  );
}

/** The samples that gradients are taken on. */
export interface GradientSamples {
  /** Positions in the dataset's examples, [N]. */
  readonly indices: Int32Array;
  /** Classes instead of the samples' own, such as pseudo labels, [N]. */
  readonly labels?: Int32Array | undefined;
}

/**
 * The samples that gradients are taken on (article, Methods), drawn by `worstSamples` from each pool.
 *
 * @param options.pools parts of `indices`, in the order of the draws; default: one of all
 * @param options.labels classes of losses and gradient: the samples' own, or the predicted ones
 */
export async function gradientSamples(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: JobOptions & {
    readonly settings: GradientSource & Pick<ChoiceSettings, 'loss'>;
    readonly batchSize: number;
    readonly generator: Generator;
    readonly task: string;
    readonly pools?: readonly Int32Array[];
    readonly labels?: 'own' | 'predicted';
  },
): Promise<GradientSamples[]> {
  const { settings, generator, pools = [indices], labels = 'own' } = options;
  const found = await evaluateModel(model, loader, indices, {
    ...options,
    loss: settings.loss,
    lossLabels: labels,
  });
  const places = new Map(Array.from(indices, (index, place) => [index, place]));
  const valueIn = (values: ArrayLike<number>) => (index: number) =>
    values[places.get(index) as number] as number;
  const [lossOf, predictionOf] = [valueIn(found.losses), valueIn(found.predictions)];
  return pools.map((pool) => {
    const examples = Array.from(pool, (index) => ({ index, loss: lossOf(index) }));
    const chosen = worstSamples(examples, settings, generator);
    return { indices: chosen, labels: labels === 'own' ? undefined : chosen.map(predictionOf) };
  });
}

/**
 * The gradient's samples (article, Methods), by their positions in the order of their losses: `gradientDrawn` drawn without
 * replacement from the `gradientWorst` examples with the highest loss, or from all if there are fewer. Equal losses are ranked by position.
 */
export function worstSamples(
  examples: readonly { readonly index: number; readonly loss: number }[],
  { gradientWorst, gradientDrawn, gradientOrder }: GradientSource,
  generator: Generator,
): Int32Array {
  const sign = gradientOrder === 'highest-loss' ? -1 : 1;
  const pool = [...examples]
    .sort((a, b) => sign * (a.loss - b.loss) || a.index - b.index)
    .slice(0, gradientWorst);
  const chosen = [...generator.randperm(pool.length).slice(0, gradientDrawn)].sort((a, b) => a - b);
  return Int32Array.from(chosen, (place) => pool[place]?.index as number);
}
