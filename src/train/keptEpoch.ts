import { SpurmemError } from '../errors.js';
import type { RunFolder } from './runFolder.js';

/** How the caller's options came to ask for an epoch. */
interface AskedEpoch {
  /** The parameter that tells the epoch, and its value. */
  readonly parameter: string;
  readonly value: number;
  /** What to do instead of keeping that epoch, after "or". */
  readonly otherwise: string;
}

/**
 * The file of the weights after an epoch that a run kept.
 *
 * @throws `RUN_NOT_FOUND` when it has not kept that epoch, naming those that it kept
 */
export async function keptEpoch(
  folder: RunFolder,
  epoch: number,
  { parameter, value, otherwise }: AskedEpoch,
): Promise<string> {
  const kept = await folder.keptEpochs();
  const path = folder.epoch(epoch);
  if (kept.includes(epoch)) return path;
  const which = epoch === value ? 'that epoch' : `epoch ${epoch}`;
  const others = kept.length === 0 ? 'It has kept none' : `Kept: ${kept.join(', ')}`;
  throw new SpurmemError(
    'RUN_NOT_FOUND',
    `\`${parameter}\` is ${value}, and ${folder.path} has not kept ${which}: ${path} is missing. ${others}.`,
    {
      parameter,
      value,
      expected: 'an epoch that was kept',
      advice: [`Train that run with \`keepEpochs\` ${epoch}, or ${otherwise}.`],
    },
  );
}
