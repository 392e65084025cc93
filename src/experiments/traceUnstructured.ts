import type { Dataset, Example } from '../data/dataset.js';
import { thumbnail } from '../data/pictures.js';
import { SpurmemError, usageError } from '../errors.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import {
  type NeuronValues,
  outputsOf,
  type PerturbationChoice,
  weightsBy,
  weightsIn,
} from '../neurons/perturb.js';
import { PERTURBATION_NAMES, perturbationNamed, type PerturbationOption } from '../neurons/perturbations.js';
import type { GivenOf } from '../settings/setting.js';
import { selectedEpoch } from '../train/results.js';
import { keptEpoch } from '../train/runFolder.js';
import type { PlannedSet } from './compareWithRandom.js';
import { measureSets } from './measureSets.js';
import { type GroupOutcome, summarizeOutcomes } from './outcomes.js';
import {
  type PicturedExample,
  type RewoundTo,
  type TraceEntry,
  type TraceUnstructuredResult,
  unstructuredName,
} from './results.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';
import { takenName, TRACE_SETTINGS, unstructuredSettings } from './traceSettings.js';

/** Examples that a trace names of those that a group lost, and of each group that it keeps pictures of. */
const NAMED_EXAMPLES = 12;
const MAX_PICTURES = 24;

/** Settings of an unstructured trace; defaults are the protocol's. */
type UnstructuredChoices = GivenOf<(typeof TRACE_SETTINGS)['unstructured']>;

/** The split is the one whose accuracies are measured: samples of gradients are always of the training split. */
export interface TraceOptions extends SessionOptions, UnstructuredChoices {}

/**
 * Unstructured tracing (article, Figs 2, 4 and 5): for each criterion and group, perturbs the top-k neurons of the whole
 * model and measures every group's accuracy, margin and loss against random neurons. Writes
 * `results/<resultName>.json`.
 *
 * @throws `NEURONS_INVALID` when there are too few neurons, `USAGE` for options out of range, `RUN_NOT_FOUND` when neurons
 *   are to be rewound to an epoch that the run has not kept, and what `TraceSession.open` throws
 */
export async function traceUnstructured(options: TraceOptions): Promise<TraceUnstructuredResult> {
  return traceAlone(TRACE_SETTINGS.unstructured, options, traceUnstructuredIn);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceUnstructuredIn(
  session: TraceSession,
  options: UnstructuredChoices,
): Promise<TraceUnstructuredResult> {
  const { dataset } = session;
  const { rewindEpochs, ...settings } = unstructuredSettings(options, session.settings.protocol);
  const { topK, perturbation, sigmas = [null], repeats, split } = settings;
  const kind = nameOf(perturbation);
  const criteria = session.namesOf(settings.criteria);
  const ownCriteria = settings.criteria.flatMap((one) =>
    typeof one === 'string' ? [] : [{ name: one.name, dependsOnGroup: one.dependsOnGroup }],
  );
  // Reports groups without examples.
  for (const part of ['train', split] as const) session.groupsIn(part);
  session.requireTopK(criteria, topK);
  requireCompared(options.comparedTopK, topK);
  if (repeats === undefined && options.sigmas !== undefined) {
    session.options.onWarning?.(`\`sigmas\` has no part in ${kind}, which draws no numbers.`);
  }
  const { known, rewound } = await knownOfRun(session, perturbation, rewindEpochs);
  const most = Math.max(0, ...Object.values(repeats ?? {}));
  const seeds = Array.from({ length: most }, (_, i) => session.seed + i);
  const planned = await planSets(session, criteria, topK, (criterion) =>
    sigmas.map((sigma) => ({ kind, sigma, seeds: seeds.slice(0, repeats?.[criterion]), known })),
  );
  const { sets, recorded } = await measureSets(
    session,
    planned,
    { ...settings, criteria, perturbation: kind },
    {
      task: 'perturbed variants',
      namedExamples: NAMED_EXAMPLES,
      isCompared: ({ k }) => settings.comparedTopK?.includes(k) === true,
    },
  );
  const entries = sets.map(
    ({ criterion, group, k, perturbation: { sigma }, neurons, ...set }): TraceEntry => {
      const outcomes = set.outcomes as readonly (readonly GroupOutcome[])[];
      const effect = summarizeOutcomes(outcomes, dataset.minorityGroups);
      const lost = set.lost.map((first, of) => ({ count: outcomes[0]?.[of]?.lost ?? 0, first }));
      return { criterion, group, k, sigma, neurons, ...effect, lost, comparisons: set.comparisons };
    },
  );
  const result: TraceUnstructuredResult = {
    kind: 'trace-unstructured',
    ...recorded,
    ...(ownCriteria.length > 0 ? { ownCriteria } : {}),
    seeds,
    ...(rewound ? { rewound } : {}),
    pictures: await picturesOf(dataset, entries),
    entries,
  };
  await session.folder.record(unstructuredName(result), result);
  return result;
}

/** Chooses the top k neurons by each criterion for each group, and plans every set under each choice of a perturbation. */
async function planSets(
  session: TraceSession,
  criteria: readonly string[],
  topK: readonly number[],
  choicesOf: (criterion: string) => readonly PerturbationChoice[],
) {
  const groups = [...session.dataset.groupNames.keys()];
  const planned: (Pick<TraceEntry, 'criterion' | 'group' | 'k' | 'neurons'> & PlannedSet)[] = [];
  for (const criterion of criteria) {
    const choices = choicesOf(criterion);
    for (const group of session.groupsIn('train')) {
      const chosen = await session.select(criterion, group, Math.max(...topK));
      for (const k of topK) {
        const set = { criterion, group, k, neurons: chosen.slice(0, k), groups };
        planned.push(...choices.map((perturbation) => ({ ...set, perturbation })));
      }
    }
  }
  return planned;
}

/** Throws `USAGE` if random neurons are requested for a set size that is not traced. */
function requireCompared(compared: readonly number[] = [], topK: readonly number[]): void {
  const other = compared.find((k) => !topK.includes(k));
  if (other === undefined) return;
  const problem = `\`comparedTopK\` names ${other}, which is none of \`topK\`: ${topK.join(', ')}.`;
  throw usageError('comparedTopK', compared, `some of ${topK.join(', ')}`, problem, 'Name some of `topK`.');
}

/** Pictures of the first examples that each group lost under its own neurons. */
async function picturesOf(dataset: Dataset, entries: readonly TraceEntry[]): Promise<PicturedExample[]> {
  // Those of the most neurons first, which reports show.
  const lost = entries.toSorted((a, b) => b.k - a.k).flatMap(({ group, lost }) => lost[group]?.first ?? []);
  const examples = new Set(lost.map(({ example }) => example));
  const groupOf = (example: number): number => dataset.groups[example] as number;
  const shown = dataset.groupNames.flatMap((_, group) =>
    [...examples].filter((example) => groupOf(example) === group).slice(0, MAX_PICTURES),
  );
  const pictures: PicturedExample[] = [];
  for (const index of shown.sort((a, b) => a - b)) {
    const example = dataset.examples[index] as Example;
    pictures.push({
      example: index,
      filename: example.filename,
      group: groupOf(index),
      label: dataset.labels[index] as number,
      image: await thumbnail(dataset, example),
    });
  }
  return pictures;
}

/** Returns the name of a perturbation. Throws `USAGE` if one of one's own has a name of the package's. */
function nameOf(perturbation: PerturbationOption): string {
  if (typeof perturbation === 'string') return perturbation;
  const { name } = perturbation;
  if (!PERTURBATION_NAMES.some((known) => known === name)) return name;
  throw takenName('perturbation', 'perturbation', name);
}

/**
 * Returns the values that a perturbation takes from a session's run (weights of an earlier epoch or mean outputs), or makes of its weights, and
 * their source.
 *
 * @param rewindEpochs epochs before the traced one
 * @throws `RUN_NOT_FOUND` when the run has not kept that epoch, and `USAGE` when it has no epochs or its units no outputs
 */
async function knownOfRun(
  session: TraceSession,
  perturbation: PerturbationOption,
  rewindEpochs: number,
): Promise<{ readonly known?: NeuronValues; readonly rewound?: RewoundTo }> {
  const { model, unit } = session;
  if (typeof perturbation !== 'string') return { known: await weightsBy(perturbation, model, unit) };
  const { values } = perturbationNamed(perturbation);
  if (values === 'earlierWeights') {
    const { path, ...rewound } = await rewoundTo(session, perturbation, rewindEpochs);
    return { known: await weightsIn(path, `weights of epoch ${rewound.epoch}`, model, unit), rewound };
  }
  if (values !== 'meanOutput') return {};
  if (unit === 'neuron') return { known: outputsOf(await session.meanOutputs(), 'mean outputs', model) };
  const problem = `\`perturbation\` is ${perturbation}, and \`unit\` is ${unit}: single weights have no output.`;
  const advice = ['Take neurons as the `unit`, or another `perturbation`.'];
  throw new SpurmemError('USAGE', problem, { parameter: 'perturbation', value: perturbation, advice });
}

async function rewoundTo(
  { folder, config, settings }: TraceSession,
  perturbation: string,
  epochs: number,
): Promise<RewoundTo & { readonly path: string }> {
  const result = await folder.readTrainingResult();
  const traced =
    settings.epoch ?? selectedEpoch({ result, epochs: await folder.readMetrics(), select: config.select });
  if (traced === undefined) {
    const problem = `\`perturbation\` is ${perturbation}, and ${folder.path} was trained without epochs.`;
    throw new SpurmemError('USAGE', problem, { parameter: 'perturbation', value: perturbation });
  }
  const epoch = traced - epochs;
  if (epoch < 0) {
    const problem = `\`rewindEpochs\` is ${epochs}, and the traced weights of ${folder.path} are those of epoch ${traced}.`;
    const expected = `a whole number from 1 to ${traced}`;
    throw new SpurmemError('USAGE', problem, { parameter: 'rewindEpochs', value: epochs, expected });
  }
  const path = await keptEpoch(folder, epoch, {
    parameter: 'rewindEpochs',
    value: epochs,
    otherwise: `choose another number of epochs before epoch ${traced}, whose weights are traced`,
  });
  return { epochs, epoch, checkpoint: await weightsFingerprint(path), path };
}
