import { mean, middle } from '../metrics/statistics.js';
import { native, type Generator } from '../native/addon.js';
import {
  perturbedVariants,
  type NeuronPlace,
  type PerturbationChoice,
  type Variant,
} from '../neurons/perturb.js';
import { countByLayer, randomNeuronsByLayer } from '../neurons/randomNeurons.js';
import { checkSettings, type ValuesOf } from '../settings/setting.js';
import { changeOf, evaluateVariants, type GroupOutcome, type PlannedVariant } from './evaluateVariants.js';
import type { ControlsHeader, NullDistribution } from './results.js';
import type { TraceSession } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

/**
 * How a trace compares its neurons with random ones: `controls` random sets of neurons for each set that was chosen, 0 for
 * none; `controlSamples` of each group, drawn from the split, that both are measured on, all of them where there are fewer.
 */
export type ControlOptions = Pick<
  ValuesOf<(typeof TRACE_SETTINGS)['unstructured']>,
  'controls' | 'controlSamples'
>;

/** Chosen neurons, how they are perturbed, and the groups whose changes are compared. */
export interface ControlledSet {
  readonly neurons: readonly NeuronPlace[];
  readonly perturbation: PerturbationChoice;
  readonly groups: readonly number[];
}

export interface Controls {
  readonly header: ControlsHeader;
  /** For each set in the order given, one distribution a group; null for groups that were not asked for. */
  readonly distributions: readonly (readonly (NullDistribution | null)[])[];
}

/**
 * Compares chosen neurons with as many random ones of the same layers. Sets with equal numbers of neurons in the same
 * layers share their draws, and equal draws are evaluated once. Under random perturbations each draw takes one seed, while
 * the chosen neurons' change is a mean over seeds: the distribution is then a little too wide, on the safe side.
 *
 * @param indices the examples of the traced split, of which `controlSamples` of each group are drawn
 * @returns null when `controls` is 0
 * @throws `USAGE` for a value out of range
 */
export async function compareWithRandom(
  session: TraceSession,
  indices: Int32Array,
  sets: readonly ControlledSet[],
  options: ControlOptions,
): Promise<Controls | null> {
  const { controls, controlSamples } = TRACE_SETTINGS.unstructured;
  checkSettings({ controls, controlSamples }, options);
  const { controls: draws, controlSamples: samplesPerGroup } = options;
  if (draws === 0) return null;
  const { dataset, model, unit, unitLayers } = session;
  const generator = new (native().Generator)(session.seed);
  const samples = samplesOfGroups(dataset, indices, samplesPerGroup, generator);

  const { layers } = model.description;
  const planned: PlannedVariant[] = [];
  const plan = (variants: readonly Variant[], groups: readonly number[]): number[] =>
    variants.map((variant) => planned.push({ ...variant, groups }) - 1);
  const pools = new Map<string, readonly Variant[]>();
  const places = sets.map(({ neurons, perturbation, groups }) => {
    const counts = countByLayer(neurons);
    const key = JSON.stringify([perturbation, ...counts]);
    const drawn =
      pools.get(key) ?? Array.from({ length: draws }, (_, draw) => randomVariant(counts, perturbation, draw));
    pools.set(key, drawn);
    return {
      chosen: plan(perturbedVariants(neurons, perturbation, layers, unit), groups),
      drawn: plan(drawn, groups),
    };
  });
  const { variants, cost } = await evaluateVariants(model, session.loader, samples, planned, {
    ...session.job,
    task: 'random neurons',
  });
  const changeAt = (position: number, group: number): number =>
    changeOf(variants[position]?.[group] as GroupOutcome);
  return {
    header: { draws, samplesPerGroup, cost },
    distributions: sets.map(({ groups }, i) =>
      dataset.groupNames.map((_, group) => {
        const place = places[i];
        if (!place || !groups.includes(group)) return null;
        return nullDistribution(
          mean(place.chosen.map((position) => changeAt(position, group))),
          place.drawn.map((position) => changeAt(position, group)),
        );
      }),
    ),
  };

  function randomVariant(
    counts: ReadonlyMap<string, number>,
    perturbation: PerturbationChoice,
    draw: number,
  ): Variant {
    const { seeds } = perturbation;
    const neurons = randomNeuronsByLayer(counts, unitLayers, generator);
    const ofDraw = { ...perturbation, seeds: seeds.slice(draw % seeds.length, (draw % seeds.length) + 1) };
    return perturbedVariants(neurons, ofDraw, layers, unit)[0] as Variant;
  }
}

/** Summarizes the changes of random draws beside the change of the chosen neurons. */
export function nullDistribution(change: number, drawn: readonly number[]): NullDistribution {
  // Changes are sums of fractions: equal ones may differ in the last digits.
  const atLeast = drawn.filter((value) => Math.abs(value) >= Math.abs(change) - 1e-12).length;
  return {
    mean: mean([...drawn]),
    interval: middle(drawn),
    change,
    pValue: (1 + atLeast) / (1 + drawn.length),
  };
}

/** Up to `most` examples of each group, group after group: drawn where there are more, else all in their order. */
export function samplesOfGroups(
  { groups, numGroups }: { readonly groups: Int32Array; readonly numGroups: number },
  indices: Int32Array,
  most: number,
  generator: Generator,
): Int32Array {
  const drawn = Array.from({ length: numGroups }, (_, group) => {
    const ofGroup = indices.filter((index) => groups[index] === group);
    if (ofGroup.length <= most) return [...ofGroup];
    return [...generator.randperm(ofGroup.length).slice(0, most)].map(
      (position) => ofGroup[position] as number,
    );
  });
  return Int32Array.from(drawn.flat());
}
