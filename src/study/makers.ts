import { buildDominoes, DEFAULT_DOMINOES, dominoesCountsSchema, unusedDominoes } from '../data/dominoes.js';
import { pathSchema } from '../settings/schema.js';
import * as z from '../zod.js';
import type { DataMaker } from './part.js';
import { PARTS } from './parts.js';

const dominoesOptions = z.strictObject({
  by: z.literal('dominoes'),
  /** Garments and digits outside the benchmark. */
  unused: z.boolean().default(false),
  counts: dominoesCountsSchema.optional(),
  fashionMnist: pathSchema.optional(),
});

const dominoes: DataMaker<z.output<typeof dominoesOptions>> = {
  name: 'dominoes',
  options: dominoesOptions,
  last: 'metadata.csv',
  async make(
    folder,
    { unused, counts = DEFAULT_DOMINOES.counts, fashionMnist },
    seed,
    { signal, onProgress },
  ) {
    const options = { ...DEFAULT_DOMINOES, counts, seed, fashionMnist };
    await buildDominoes(folder, unused ? unusedDominoes(options) : options, { signal, onProgress });
  },
};

/** The makers of a study's data. */
export const MAKERS = [dominoes, ...PARTS.flatMap(({ makers = [] }) => makers)] as const;

export function makerNamed(by: string): DataMaker {
  const maker = MAKERS.find(({ name }) => name === by);
  if (!maker) throw new RangeError(`Nothing makes data by ${by}.`);
  return maker;
}
