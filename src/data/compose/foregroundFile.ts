import type { Split } from '../split.js';

/** A foreground before its mask was looked at. */
export interface ForegroundFile {
  /** Relative to the folder of the foregrounds, with `/`. */
  readonly image: string;
  /** Absolute; undefined where the image's own alpha is the mask. */
  readonly mask: string | undefined;
  readonly y: number;
  /** Where the source says it. */
  readonly split: Split | undefined;
}
