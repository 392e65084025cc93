import { z } from 'zod';

const seconds = z.array(z.number().positive()).min(1);

const sideSchema = z.strictObject({
  label: z.string(),
  /** One per repeat. */
  seconds,
  /** Median seconds. */
  median: z.number().positive(),
  /** Units of work per second, from the median. */
  perSecond: z.number().positive(),
  /** Peak resident memory of the process; null if the system does not report it. */
  peakBytes: z.number().nullable(),
  /** Median processor seconds of a repeat; null if the system does not report them. */
  cpuSeconds: z.number().nullable(),
  /** The min of them. */
  leastCpuSeconds: z.number().nullable().optional(),
  /** Medians of the side's further measures. */
  measures: z.record(z.string(), z.number()),
  /** The part that was run, if times are scaled up to the whole. */
  scaled: z.strictObject({ measured: z.number(), of: z.number(), what: z.string() }).nullable(),
});

const pair = z.tuple([z.number(), z.number()]);

const caseSchema = z.strictObject({
  name: z.string(),
  description: z.string(),
  unit: z.string(),
  /** Units of work in a repeat. */
  units: z.number(),
  ours: sideSchema,
  rival: sideSchema,
  /** The rival's seconds over ours, pair by pair in the order of measurement. */
  ratio: z.strictObject({ median: z.number(), quartiles: pair, range: pair, pairs: z.array(z.number()) }),
  /** Our peak memory over the rival's. */
  memoryRatio: z.number().nullable(),
  /** The machine's bare kernels on the same work, and the share of their rate that ours reached. */
  floor: sideSchema.extend({ share: z.number() }).nullable(),
  /** The outcomes that had to agree, and those that differed. */
  agreement: z
    .strictObject({ what: z.string(), compared: z.number(), different: z.array(z.string()) })
    .nullable(),
  /** The goals of the case, and those that were missed. */
  target: z.number().nullable(),
  limits: z.record(z.string(), z.number()),
  missed: z.array(z.string()),
});

/** The document that `npm run bench -- --json` prints, and that `--compare` reads. */
export const benchSchema = z.strictObject({
  kind: z.literal('bench'),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  device: z.string(),
  threads: z.number(),
  cases: z.array(caseSchema),
  comparison: z
    .strictObject({
      baseline: z.string(),
      tolerance: z.number(),
      cases: z.array(
        z.strictObject({
          name: z.string(),
          ratio: z.number(),
          baselineRatio: z.number(),
          fellBehind: z.boolean(),
        }),
      ),
    })
    .nullable(),
});

export type BenchResult = z.infer<typeof benchSchema>;
export type CaseResult = z.infer<typeof caseSchema>;
export type SideResult = z.infer<typeof sideSchema>;
export type Comparison = NonNullable<BenchResult['comparison']>;
