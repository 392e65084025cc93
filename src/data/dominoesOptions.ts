import { resolve } from 'node:path';
import { z } from 'zod';
import { RANGES } from '../settings/ranges.js';
import { whole } from '../settings/schema.js';
import { parseOptions } from './issues.js';
import { perSplit, SPLITS } from './split.js';

/** The classes of Fashion-MNIST, in the order of its labels. */
export const GARMENTS = [
  't-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle-boot',
] as const;
export type Garment = (typeof GARMENTS)[number];

const distinct = { error: 'the values must differ from each other' };
const isDistinct = (values: readonly unknown[]) => new Set(values).size === values.length;
const groupCounts = z.array(whole(RANGES.count).min(1, { error: 'every group needs at least 1 image' }));

/** Sources and counts of dominoes. */
export const dominoesOptionsSchema = z
  .strictObject({
    /** The classes: y is the index in this list. */
    garments: z.array(z.enum(GARMENTS)).min(2).refine(isDistinct, distinct),
    /** The spurious attribute: a is the index in this list. */
    digits: z.array(z.number().int().min(0).max(9)).min(1).refine(isDistinct, distinct),
    /** Images of each group = y * digits.length + a, in each split. */
    counts: z.strictObject(perSplit(() => groupCounts)),
    /** Height in pixels; the width is half of it. */
    size: z.number().int().min(16).max(512).multipleOf(2),
    seed: z.number().int().min(0).max(0xffffffff),
    /** Where Fashion-MNIST's four gzipped idx files are; Debian's folder by default. */
    fashionMnist: z.string().min(1).optional(),
  })
  .superRefine(({ garments, digits, counts }, context) => {
    const groups = garments.length * digits.length;
    for (const split of SPLITS) {
      const given = counts[split].length;
      if (given === groups) continue;
      context.addIssue({
        code: 'custom',
        path: ['counts', split],
        message:
          `${given} counts for ${groups} groups (${garments.length} garments x ${digits.length} digits): ` +
          'give one per group, garment by garment',
      });
    }
  });
/** The sources of dominoes, their number and their size. */
export type DominoesOptions = z.infer<typeof dominoesOptionsSchema>;

/** Checks the options and gives them their canonical form, with an absolute `fashionMnist`. Throws `USAGE`. */
export function parseDominoesOptions(options: DominoesOptions): DominoesOptions {
  const { fashionMnist, ...rest } = parseOptions(
    dominoesOptionsSchema,
    options,
    'The dominoes cannot be drawn so',
  );
  return fashionMnist === undefined ? rest : { ...rest, fashionMnist: resolve(fashionMnist) };
}
