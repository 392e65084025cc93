import { join } from 'node:path';
import { ROOT } from '../cli/support.js';

type Row = Readonly<Record<string, string | number>>;
type Configuration = Readonly<Record<string, number>>;

/** Scripts, which have no types. */
const folder = join(ROOT, 'scripts/studies/photographs');
const { bestOf, bestTwo, chosen, precisionOf } = (await import(join(folder, 'choices.mjs'))) as {
  readonly bestOf: (arms: readonly string[], complete: Readonly<Record<string, readonly Row[]>>) => string;
  readonly bestTwo: (arm: string, tuning: readonly Row[]) => Configuration[];
  readonly chosen: (arm: string, tuning: readonly Row[]) => Configuration;
  readonly precisionOf: (seed: number, arm: string, rows: readonly Row[], hasFastBf16: boolean) => string;
};
const { ARMS, CONTRASTS } = (await import(join(folder, 'arms.mjs'))) as {
  readonly ARMS: Readonly<Record<string, { readonly configurations: readonly Configuration[] }>>;
  readonly CONTRASTS: readonly string[];
};

/** An arm's tuning, a validation accuracy for each configuration. */
const tuned = (arm: string, values: readonly number[], seed = 100): Row[] =>
  (ARMS[arm]?.configurations ?? []).map((settings, at) => ({
    arm,
    seed,
    configuration: JSON.stringify(settings),
    validation: values[at] ?? Number.NaN,
  }));

test('the best configuration of the first tuning seed is chosen, the first of equals', () => {
  const tuning = [...tuned('RWG', [0.9, 0.9, 0.9, 0.9], 101), ...tuned('RWG', [0.5, 0.7, 0.7, 0.6])];
  expect(chosen('RWG', tuning)).toEqual({ lr: 3e-5 });
  expect(bestTwo('RWG', tuning)).toEqual([{ lr: 3e-5 }, { lr: 1e-4 }]);
  expect(chosen('ERM', [])).toEqual({ lr: 1e-4 });
  expect(() => chosen('RWG', tuned('RWG', [0.5], 101))).toThrow(/RWG is not tuned/);
});

test('arms that differ by their mask share the configuration that is best for all of them', () => {
  const [first = '', ...others] = CONTRASTS;
  const tuning = [
    ...tuned(first, [0.9, 0.2, 0.3, 0.4]),
    ...others.flatMap((arm) => tuned(arm, [0.1, 0.2, 0.3, 0.6])),
  ];
  for (const arm of CONTRASTS) expect(chosen(arm, tuning)).toEqual({ lr: 3e-4, lambda: 10 });
});

test('arms are compared where they have all seeds', () => {
  const rows = (...values: readonly number[]): Row[] => values.map((validation) => ({ validation }));
  expect(bestOf(['a', 'b', 'absent'], { a: rows(0.5, 0.7), b: rows(0.9, 0.2) })).toBe('a');
  expect(() => bestOf(['absent'], {})).toThrow(/None of absent has all of its seeds/);
});

test('the tested runs of a seed have one precision, that of its first', () => {
  const rows = [
    { arm: 'RWG', seed: 1, precision: 'bf16' },
    { arm: 'ERM', seed: 1, precision: 'fp32' },
  ];
  expect(precisionOf(1, 'contrast, gradient mask', rows, true)).toBe('fp32');
  expect(precisionOf(1, 'GroupDRO', rows, true)).toBe('bf16');
  expect(precisionOf(2, 'contrast, gradient mask', rows, true)).toBe('bf16');
  expect(precisionOf(2, 'ERM', rows, false)).toBe('fp32');
});
