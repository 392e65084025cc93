import type { Protocol } from '../protocol.js';

/** After which share of a run's epochs fine-tuning starts: epoch 40 of the article's 100, and of the published code's 101. */
const SHARES: Readonly<Record<Protocol, number>> = { article: 40 / 100, released: 40 / 101 };
/** The published code starts from epoch 19 on CelebA. */
const RELEASED_CELEBA = 19 / 101;

/** What the epoch depends on: the epochs of the run that fine-tuning starts from, and its dataset's layout. */
export interface KickInRun {
  /** Undefined for a run that has no epochs. */
  readonly runEpochs: number | undefined;
  readonly format: string | undefined;
}

/**
 * The epoch of a run that fine-tuning starts from by a protocol (article, "Kick-in Epoch"): at least 1, and the selected one
 * of a run without epochs.
 */
export function kickInEpoch(protocol: Protocol, { runEpochs, format }: KickInRun): number | 'selected' {
  if (runEpochs === undefined) return 'selected';
  const share = format === 'celeba' && protocol === 'released' ? RELEASED_CELEBA : SHARES[protocol];
  return Math.max(1, Math.round(share * runEpochs));
}

/** The same as a setting's default. */
export function kickInDefault(protocol: Protocol) {
  return (others: Readonly<Record<string, unknown>>): number | 'selected' =>
    kickInEpoch(protocol, others as unknown as KickInRun);
}
