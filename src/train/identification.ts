import { join } from 'node:path';
import { usageError } from '../errors.js';
import { make } from './make.js';
import { erm } from './methods/erm.js';
import type { ErmOptions } from './recipe.js';
import type { Run } from './run.js';
import type { EpochsConfig } from './runConfig.js';
import { RunFolder } from './runFolder.js';
import { loadModel } from './runModel.js';

/** The stage's name and folder. */
const IDENTIFICATION = 'identification';

/**
 * Trains an identification model by ERM from the initial weights, as a run of its own in `identification/` of the run's folder,
 * or resumes it. Returns the classes that its last epoch's weights predict for the training examples in evaluation mode,
 * [N] in the split's order. Throws `USAGE` when all of them are right.
 */
export async function identify(
  run: Run<EpochsConfig & { readonly identificationEpochs: number }>,
  options: ErmOptions,
): Promise<Int32Array> {
  const { config, folder, loader } = run;
  const identification = new RunFolder(join(folder.path, IDENTIFICATION));
  const { identificationEpochs: epochs } = config;
  await make(erm, {
    ...options,
    data: loader.dataset,
    out: identification.path,
    epochs,
    select: 'last',
    keepEpochs: undefined,
    trackImages: undefined,
    onEpoch: (metrics, context) => {
      options.onEpoch?.(metrics, { ...context, stage: IDENTIFICATION });
    },
  });
  using model = await loadModel(config, loader, identification.weights(epochs), identification);
  const { labels, splits } = loader.dataset;
  const { predictions } = await run.evaluate(splits.train, 'error set', model);
  if (splits.train.some((index, i) => predictions[i] !== labels[index])) return predictions;
  throw usageError(
    'identificationEpochs',
    epochs,
    'fewer epochs here',
    `\`identificationEpochs\` is ${epochs}, after which the identification model in ${identification.path} gets every training image right: ` +
      'there are no errors to learn from.',
    'Choose fewer `identificationEpochs`, with another `out`.',
  );
}
