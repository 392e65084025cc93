import { createProjectionHead } from '#src/models/architectures.js';
import { native } from '#src/native/addon.js';
import { maskNeurons } from '#src/neurons/perturb.js';
import { resolveSettings } from '#src/settings/setting.js';
import { Adam } from '#src/train/adam.js';
import { finetuneLoss } from '#src/train/finetune/loss.js';
import { FINETUNE_SETTINGS } from '#src/train/finetune/settings.js';
import { descend } from '#src/train/run.js';
import type { Workload, WorkloadPlace } from '../workload.js';
import { type ComputeSettings, create, free, repeated } from './compute.js';

export interface FinetuneStepSettings extends ComputeSettings {
  /** Masked channels: layer, number. */
  readonly mask: readonly (readonly [layer: string, index: number])[];
}

/** Steps of fine-tuning with both branches, as `train finetune` runs them. */
export async function finetuneStep(settings: FinetuneStepSettings, place: WorkloadPlace): Promise<Workload> {
  const { model, images, labels } = await create(settings, place);
  const features = model.numFeatures;
  const design = { inputs: features, hidden: features, outputs: 128 };
  const head = await createProjectionHead(design, new (native().Generator)(1), model.context);
  const parts = [model.network, head].map((network) => ({ network, optimizer: new Adam({ network }, 2e-4) }));
  const defaults = resolveSettings(FINETUNE_SETTINGS, 'article', {});
  const mask = maskNeurons(settings.mask.map(([layer, index]) => ({ layer, index })));
  return repeated(settings, model.context, async () => {
    const views = { images, second: images, labels };
    const { loss, logits, terms = {} } = await finetuneLoss(defaults, model, head, mask, views);
    return {
      read: Promise.all([descend(loss, parts), loss.item()]),
      dispose: () => {
        free(loss, logits, ...Object.values(terms));
      },
    };
  });
}
