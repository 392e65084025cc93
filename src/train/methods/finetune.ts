import { usageError } from '../../errors.js';
import { type Architecture, architectureName } from '../../models/architectures.js';
import { type Model, withTensors } from '../../models/model.js';
import { maskNeurons } from '../../neurons/perturb.js';
import { countNeurons, unitLayers } from '../../neurons/select.js';
import { type GivenOf, protocolOf, resolveSettings, setting } from '../../settings/setting.js';
import { type FromRun, fromRun } from '../continuation.js';
import { type KickInRun, MODEL_SETTINGS } from '../ermSettings.js';
import { auxiliaryNeurons } from '../finetune/auxiliaryMask.js';
import { type FinetuneConfig, finetuneSettings, hasHead } from '../finetune/config.js';
import { addProjectionHead, finetuneLoss } from '../finetune/loss.js';
import { FINETUNE_SETTINGS } from '../finetune/settings.js';
import type { TrainingMethod } from '../method.js';
import type { Run, Task } from '../run.js';
import { keptEpoch, type OpenedRun } from '../runFolder.js';
import { type SavedState, underPrefix } from '../savedState.js';

/** Fine-tuning's settings, and the architecture, which is that of the run. */
const SETTINGS = {
  ...FINETUNE_SETTINGS,
  arch: setting({
    type: MODEL_SETTINGS.arch.type,
    argument: 'name',
    help: 'architecture, checked against that of the run',
    default: undefined,
    otherwise: 'that of the run',
    source: 'that of the run',
  }),
} as const;

/** Omitted settings take the protocol's values. */
export type FinetuneOptions = FromRun & GivenOf<typeof SETTINGS>;

/** Masks of single weights have thousands: metrics name the first ones. */
const NAMED_NEURONS = 20;

/**
 * Fine-tuning against spurious memorization (article, "Spurious memorization by critical neurons", Eqs 3 to 5). Before each
 * epoch, the neurons of the target model f(theta, .) are scored and the highest ones masked; the target's features of one view
 * of a batch are then contrasted (NT-Xent) with those that the auxiliary model f(m * theta, .) has of the other view, and
 * lambda times the supervised loss of the target is added. The auxiliary model is no copy: only masked layers get a masked
 * weight.
 */
export const finetune: TrainingMethod<FinetuneConfig, FinetuneOptions> = {
  isDistributed: true,
  name: 'finetune',
  title: 'fine-tuned',
  description: 'fine-tune a run against spurious memorization (article, Eqs 3 to 5)',
  likeFinetuning: true,
  startsFrom: 'run',
  settings: SETTINGS,
  start: (options) =>
    fromRun<FinetuneConfig>(
      finetune,
      options,
      (from, dataset) => {
        const epoch = kickIn(options, from);
        return {
          kickInEpoch: epoch === 'selected' ? null : epoch,
          ...finetuneSettings(options, from.config, dataset),
        };
      },
      async (from) => {
        requireArch(options.arch, from);
        const epoch = kickIn(options, from);
        if (epoch === 'selected') return from.weights;
        return keptEpoch(from.folder, epoch, {
          parameter: 'kickInEpoch',
          value: epoch,
          otherwise: 'start from its selected epoch, `kickInEpoch` selected',
        });
      },
    ),
  task: bothBranches,
};

function requireArch(arch: Architecture | undefined, { folder, config }: OpenedRun): void {
  if (arch === undefined || architectureName(arch) === config.arch) return;
  const problem = `\`arch\` is ${arch}, and ${folder.path} was trained with ${config.arch}.`;
  throw usageError('arch', arch, config.arch, problem, 'Leave `arch` out, or choose another `from`.');
}

function kickIn(options: FinetuneOptions, { config, environment }: OpenedRun): number | 'selected' {
  const { kickInEpoch } = FINETUNE_SETTINGS;
  return resolveSettings({ kickInEpoch }, protocolOf({ kickInEpoch }, options), options, {
    runEpochs: config.epochs,
    format: environment.dataOptions.format,
  } satisfies KickInRun).kickInEpoch;
}

async function bothBranches(run: Run<FinetuneConfig>): Promise<Task> {
  const { config, loader, model, generator } = run;
  const indices = loader.dataset.splits.train;
  if (config.staleGradient) run.states.push(lastGradient(model));
  const head = hasHead(config) ? await addProjectionHead(run) : undefined;
  const total = countNeurons(unitLayers(model.description.layers, config.unit));
  return {
    async trainEpoch(epoch, lr) {
      const neurons = config.contrast ? await auxiliaryNeurons(run, epoch) : [];
      const mask = maskNeurons(neurons, config.unit);
      const views = loader.trainingViews(indices, config.batchSize, generator, config);
      const training = await run.trainBatches(epoch, lr, views, (batch) =>
        finetuneLoss(config, model, head?.network, mask, batch),
      );
      const named = { count: neurons.length, total, neurons: neurons.slice(0, NAMED_NEURONS) };
      return { ...training, mask: named };
    },
  };
}

/** The gradient of the last batch, from which the next epoch's scores start, as in the published code's slip. */
function lastGradient({ network }: Model): SavedState {
  return underPrefix(
    'method.gradient.',
    () => network.gradients(),
    (gradients) => withTensors(gradients, (tensors) => network.loadGradients(tensors)),
  );
}
