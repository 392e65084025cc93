import { memorization } from './memorization/part.js';
import type { StudyPart } from './part.js';

/** Parts of studies besides models and compared arms, in the order of their tables. */
export const PARTS: readonly StudyPart[] = [memorization];
