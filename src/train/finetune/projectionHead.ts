import { createProjectionHead } from '../../models/architectures.js';
import type { EpochsConfig } from '../runConfig.js';
import type { TrainedPart, Trainer } from '../trainer.js';

/** Trains SimCLR's projection head beside the model: two layers, as wide as the features, to 128 dimensions. */
export async function addProjectionHead(trainer: Trainer<EpochsConfig>): Promise<TrainedPart> {
  const { model, generator } = trainer;
  const inputs = model.numFeatures;
  const design = { inputs, hidden: inputs, outputs: 128 };
  return trainer.addPart(await createProjectionHead(design, generator, model.context));
}
