import { isDeepStrictEqual } from 'node:util';
import type { Example } from '../../data/dataset.js';
import type { GroupAccuracies } from '../../metrics/groups.js';
import { changeInterval } from '../../metrics/intervals.js';
import type { NeuronPlace } from '../../neurons/neuron.js';
import { maskNeurons } from '../../neurons/perturb.js';
import { evaluateVariants } from '../evaluateVariants.js';
import { readResults } from '../resultFiles.js';
import type { TraceUnstructuredResult } from '../results.js';
import { measuredExamples } from '../samples.js';
import type { TraceSession } from '../traceSession.js';
import { resultName } from '../traceUnstructured.js';
import type { AtlasNeuron, Flip } from './atlasResult.js';

/** Zeroing of neurons, each alone. */
interface ZeroedNeurons {
  /** The model as it is, on the same examples. */
  readonly baseline: GroupAccuracies;
  /** In the order of the neurons. */
  readonly neurons: readonly Pick<AtlasNeuron, 'zeroed' | 'flips'>[];
}

/**
 * Zeroes each neuron alone: the predictions that flip, and what it does to each group, which comes from the run's trace where that zeroed
 * the same neuron alone on the same examples.
 */
export async function zeroEach(
  session: TraceSession,
  neurons: readonly NeuronPlace[],
  samples: number,
): Promise<ZeroedNeurons> {
  const { dataset, loader, model, job, seed } = session;
  const indices = measuredExamples(dataset, session.judgedOn('train'), samples, seed);
  const variants = neurons.map((neuron) => maskNeurons([neuron]));
  const flips = new Map<string, Flip[]>(variants.map(({ key }) => [key, []]));
  const measured = await evaluateVariants(model, loader, indices, variants, {
    ...job,
    task: 'zeroed neurons',
    onJudged(key, examples, before, after) {
      for (const [i, index] of examples.entries()) {
        const [was, is] = [before.predicted[i] as number, after.predicted[i] as number];
        if (was === is) continue;
        const { filename, group, y } = dataset.examples[index] as Example;
        flips.get(key)?.push({ example: index, filename, group, label: y, before: was, after: is });
      }
    },
  });
  const { traces } = await readResults(session.folder);
  const ofRun = traces.filter(
    (trace) =>
      trace.checkpoint === session.checkpoint &&
      trace.unit === 'neuron' &&
      trace.perturbation === 'zero' &&
      trace.split === 'train' &&
      trace.samples === samples &&
      trace.gradientSource.seed === seed &&
      trace.heldOutHalf === session.header.heldOutHalf &&
      isDeepStrictEqual(trace.precision, session.header.precision),
  );
  return {
    baseline: measured.baseline,
    neurons: neurons.map((neuron, i) => ({
      zeroed: tracedEffect(ofRun, neuron) ?? {
        trace: null,
        groups: (measured.variants[i] ?? []).flatMap((outcome) => {
          if (!outcome) return [];
          const { total, correct, lost, gained } = outcome;
          const counts = { total, lost, gained };
          const change = (gained - lost) / total;
          return { ...counts, accuracy: correct / total, change, changeInterval: changeInterval(counts) };
        }),
      },
      flips: flips.get(variants[i]?.key ?? '') ?? [],
    })),
  };
}

/** A trace's numbers of zeroing a neuron alone; undefined where it zeroed it only with others, or not at all. */
function tracedEffect(
  traces: readonly TraceUnstructuredResult[],
  { layer, index }: NeuronPlace,
): AtlasNeuron['zeroed'] | undefined {
  for (const trace of traces) {
    const entry = trace.entries.find(
      ({ neurons: [first, ...others] }) =>
        first?.layer === layer && first.index === index && others.length === 0,
    );
    if (!entry) continue;
    const groups = trace.baseline.total.map((total, group) => {
      const change = entry.change[group] ?? Number.NaN;
      const lost = entry.lost[group]?.count ?? 0;
      return {
        total,
        accuracy: entry.accuracy[group] ?? Number.NaN,
        change,
        changeInterval: entry.changeInterval[group] ?? ([Number.NaN, Number.NaN] as const),
        lost,
        gained: Math.round(change * total) + lost,
      };
    });
    return { trace: resultName(trace), groups };
  }
  return undefined;
}
