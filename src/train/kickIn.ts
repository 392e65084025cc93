import type { Protocol } from '../protocol.js';
import type { DependentDefault } from '../settings/setting.js';

/** The share of a run's epochs after which fine-tuning starts: epoch 40 of the article's 100, of the published code's 101. */
const SHARES: Readonly<Record<Protocol, number>> = { article: 40 / 100, released: 40 / 101 };
/** The published code starts from epoch 19 on CelebA. */
const RELEASED_CELEBA = 19 / 101;

export interface KickInRun {
  /** The epochs of the run that fine-tuning starts from; undefined where it has none. */
  readonly runEpochs: number | undefined;
  /** The dataset's layout. */
  readonly format: string | undefined;
}

/** The epoch that fine-tuning starts from by a protocol (article, "Kick-in Epoch"); the selected one of a run without epochs. */
export function kickInEpoch(protocol: Protocol, { runEpochs, format }: KickInRun): number | 'selected' {
  if (runEpochs === undefined) return 'selected';
  const share = format === 'celeba' && protocol === 'released' ? RELEASED_CELEBA : SHARES[protocol];
  return Math.max(1, Math.round(share * runEpochs));
}

/** The same as a setting's default. */
export function kickInDefault(protocol: Protocol, words: string): DependentDefault<number | 'selected'> {
  return { words, of: (others) => kickInEpoch(protocol, others as unknown as KickInRun) };
}
