/** The splits of a dataset, at the position of their code in Waterbirds' and CelebA's tables (0, 1, 2). */
export const SPLITS = ['train', 'val', 'test'] as const;
/** A part of a dataset. */
export type Split = (typeof SPLITS)[number];

/** A value for each split. */
export function perSplit<Value>(of: (split: Split) => Value): Record<Split, Value> {
  return { train: of('train'), val: of('val'), test: of('test') };
}

/** Each split with its code, for messages: `0 (train), 1 (val), 2 (test)`. */
export const SPLIT_CODES = SPLITS.map((name, code) => `${code} (${name})`).join(', ');
