/** Which epoch's weights a run gives: that with the best validation worst-group accuracy, or its last. */
export const CHECKPOINTS = ['best-worst-group', 'last'] as const;
export type SelectedCheckpoint = (typeof CHECKPOINTS)[number];
