/** The splits of a dataset, at the position of their code in Waterbirds' and CelebA's tables (0, 1, 2). */
export const SPLITS = ['train', 'val', 'test'] as const;
/** A part of a dataset. */
export type Split = (typeof SPLITS)[number];
