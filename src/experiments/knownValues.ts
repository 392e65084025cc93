import { SpurmemError } from '../errors.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { outputsOf, weightsIn } from '../neurons/neuronValues.js';
import type { NeuronValues } from '../neurons/perturb.js';
import { type PerturbationName, perturbationNamed } from '../neurons/perturbations.js';
import { selectedEpoch } from '../train/results.js';
import { keptEpoch } from '../train/runFolder.js';
import type { RewoundTo } from './results.js';
import type { TraceSession } from './traceSession.js';

/** Values that a perturbation takes from a run, and the record of where they come from. */
interface KnownOfRun {
  readonly known?: NeuronValues;
  readonly rewound?: RewoundTo;
}

/**
 * The values that a perturbation takes from a session's run: weights of an earlier epoch, or mean outputs.
 *
 * @param rewindEpochs how many epochs before the traced one
 * @throws `RUN_NOT_FOUND` when the run has not kept that epoch, and `USAGE` when it has no epochs or its units no outputs
 */
export async function knownOfRun(
  session: TraceSession,
  perturbation: PerturbationName,
  rewindEpochs: number,
): Promise<KnownOfRun> {
  const { model, unit } = session;
  const { values } = perturbationNamed(perturbation);
  if (values === 'earlierWeights') {
    const { path, ...rewound } = await rewoundTo(session, perturbation, rewindEpochs);
    return { known: await weightsIn(path, `weights of epoch ${rewound.epoch}`, model, unit), rewound };
  }
  if (values !== 'meanOutput') return {};
  if (unit === 'neuron') return { known: outputsOf(await session.meanOutputs(), 'mean outputs', model) };
  throw new SpurmemError(
    'USAGE',
    `\`perturbation\` is ${perturbation}, and \`unit\` is ${unit}: single weights have no output.`,
    {
      parameter: 'perturbation',
      value: perturbation,
      advice: ['Take neurons as the `unit`, or another `perturbation`.'],
    },
  );
}

async function rewoundTo(
  { folder, config }: TraceSession,
  perturbation: PerturbationName,
  epochs: number,
): Promise<RewoundTo & { readonly path: string }> {
  const result = await folder.readTrainingResult();
  const traced = selectedEpoch({ result, epochs: await folder.readMetrics(), select: config.select });
  if (traced === undefined) {
    throw new SpurmemError(
      'USAGE',
      `\`perturbation\` is ${perturbation}, and ${folder.path} was trained without epochs.`,
      { parameter: 'perturbation', value: perturbation },
    );
  }
  const epoch = traced - epochs;
  if (epoch < 1) {
    throw new SpurmemError(
      'USAGE',
      `\`rewindEpochs\` is ${epochs}, and the traced weights of ${folder.path} are those of epoch ${traced}.`,
      { parameter: 'rewindEpochs', value: epochs, expected: `a whole number below ${traced}` },
    );
  }
  const path = await keptEpoch(folder, epoch, {
    parameter: 'rewindEpochs',
    value: epochs,
    otherwise: `choose another number of epochs before epoch ${traced}, whose weights are traced`,
  });
  return { epochs, epoch, checkpoint: await weightsFingerprint(path), path };
}
