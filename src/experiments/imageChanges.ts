import { SpurmemError } from '../errors.js';
import { native } from '../native/addon.js';
import { nullNamed } from '../neurons/nulls.js';
import { maskNeurons, type NeuronMask } from '../neurons/perturb.js';
import { type GivenOf, resolveSettings, type ValuesOf, without } from '../settings/setting.js';
import { imagesSchema } from '../train/imageRecord.js';
import { imagesOf } from '../train/runData.js';
import { evaluateVariants } from './evaluateVariants.js';
import type { Judged } from './outcomes.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

/**
 * An image under the top `k` neurons zeroed: `margin` before and its `change`, `random`, the mean change under random neurons of the same layers
 * (null without any), all in logits; `trained`, 1 or 0; `lossSum`, the loss of its epochs, null unless the run tracked images.
 */
export type ImageChange = Readonly<Record<'criterion' | 'file', string>> &
  Readonly<Record<'chosenFor' | 'k' | 'group' | 'trained' | 'margin' | 'change', number>> &
  Readonly<Record<'lossSum' | 'random', number | null>>;

export const CHANGES_SETTINGS = without(TRACE_SETTINGS.memorized, 'memorized');

type Choices = ValuesOf<typeof CHANGES_SETTINGS>;

/** Returns the rows of `imageChangesIn` of a run. */
export function imageChanges(
  options: SessionOptions & GivenOf<typeof CHANGES_SETTINGS>,
): Promise<ImageChange[]> {
  return traceAlone(CHANGES_SETTINGS, options, (session, given) =>
    imageChangesIn(session, resolveSettings(CHANGES_SETTINGS, session.settings.protocol, given)),
  );
}

interface ZeroedSet extends Pick<ImageChange, 'criterion' | 'chosenFor' | 'k'> {
  /** The groups of the class that `chosenFor` belongs to. */
  readonly groups: readonly number[];
  readonly mask: NeuronMask;
  readonly random: readonly NeuronMask[];
}

/**
 * Measures how zeroing the top neurons of each minority group changes the training images of its class, including images that the run left
 * out. With `heldOutHalf`, the images on which the neurons were chosen are excluded.
 */
export async function imageChangesIn(session: TraceSession, choices: Choices): Promise<ImageChange[]> {
  const { dataset } = session;
  const sets = await zeroedSets(session, choices);
  const chosenOn = new Set(session.settings.heldOutHalf ? session.chosenOn : []);
  const indices = imagesOf(dataset, 'train').filter((index) =>
    sets.some(({ groups }) => groups.includes(dataset.groups[index] as number)),
  );
  const { margins, changesUnder } = await measureImages(session, indices, sets);
  const tracked = await session.folder.readResult('images', imagesSchema);
  const lossSums = new Map(tracked?.rows.map(({ file, lossSum }) => [file, lossSum]));
  const trained = new Set(dataset.splits.train);
  const rows: ImageChange[] = [];
  for (const { groups, mask, random, ...set } of sets) {
    const change = await changesUnder(mask);
    const drawn = [];
    for (const one of random) drawn.push(await changesUnder(one));
    for (const [place, index] of indices.entries()) {
      const { filename: file = '', group = 0 } = dataset.examples[index] ?? {};
      if (!groups.includes(group) || (group === set.chosenFor && chosenOn.has(index))) continue;
      rows.push({
        ...set,
        file,
        group,
        trained: Number(trained.has(index)),
        lossSum: lossSums.get(file) ?? null,
        margin: margins[place] as number,
        change: change[place] as number,
        random:
          drawn.length === 0
            ? null
            : drawn.reduce((sum, one) => sum + (one[place] as number), 0) / drawn.length,
      });
    }
  }
  return rows;
}

/** Chooses the top neurons of each minority group, and draws random ones of the same layers for each set. */
async function zeroedSets(session: TraceSession, choices: Choices): Promise<ZeroedSet[]> {
  const { criteria, topK, nullDraws } = choices;
  const { unit, unitLayers: layers } = session;
  const from = { layers, magnitudes: await session.magnitudes() };
  const seeds = new (native().Generator)(session.seed);
  const sets: ZeroedSet[] = [];
  for (const criterion of criteria) {
    for (const chosenFor of minorityGroupsOf(session)) {
      const groups = session.groupsOfClass(chosenFor);
      const chosen = await session.select(criterion, chosenFor, Math.max(...topK));
      for (const k of topK) {
        const neurons = chosen.slice(0, k);
        const draw = nullNamed('same-layers').drawer(neurons, from);
        // Each set has its own generator: its draws do not depend on other sets.
        const generator = new (native().Generator)(seeds.random());
        const random = Array.from({ length: nullDraws }, () => maskNeurons(draw(generator), unit));
        sets.push({ criterion, chosenFor, k, groups, mask: maskNeurons(neurons, unit), random });
      }
    }
  }
  return sets;
}

/** Measures the margins of images before, and their changes under the masks of all sets. */
async function measureImages(
  { model, loader, job }: TraceSession,
  indices: Int32Array,
  sets: readonly ZeroedSet[],
) {
  const places = new Map([...indices].map((index, place) => [index, place]));
  const before = new Float64Array(indices.length);
  const changes = new Map<string, Float64Array>();
  const onJudged = (key: string, examples: Int32Array, { margins }: Judged, after: Judged): void => {
    const change = changes.get(key) ?? new Float64Array(indices.length);
    changes.set(key, change);
    for (const [i, index] of examples.entries()) {
      const place = places.get(index) as number;
      before[place] = margins[i] as number;
      change[place] = (after.margins[i] as number) - (margins[i] as number);
    }
  };
  const variants = sets.flatMap(({ groups, mask, random }) =>
    [mask, ...random].map((one) => ({ ...one, groups })),
  );
  await evaluateVariants(model, loader, indices, variants, { ...job, task: 'changes of images', onJudged });
  // Each process has measured its own share; the others are 0 there.
  const summed = (values: Float64Array = new Float64Array(indices.length)): Promise<ArrayLike<number>> =>
    model.context.sum(values);
  return { margins: await summed(before), changesUnder: ({ key }: NeuronMask) => summed(changes.get(key)) };
}

/** Throws `DATASET_EMPTY_GROUP` if there is none to choose neurons for. */
function minorityGroupsOf(session: TraceSession): number[] {
  const groups = session.groupsIn('train').filter((group) => session.dataset.minorityGroups.includes(group));
  if (groups.length > 0) return groups;
  const problem = `${session.dataset.table} has no minority group with training images, for which neurons could be chosen.`;
  throw new SpurmemError('DATASET_EMPTY_GROUP', problem, { parameter: 'data' });
}
