import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareWithBaseline, compareWithEarlier, readBaseline, readKept } from '../../bench/src/baseline.js';
import { benchTable } from '../../bench/src/tables.js';
import { failure } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { caseWithRatio, resultOf } from './support.js';

const folder = temporaryFolder();
const path = join(folder, 'baseline.json');

async function put(result: unknown): Promise<string> {
  await writeFile(path, JSON.stringify(result));
  return path;
}

describe('compareWithBaseline', () => {
  it.each([
    // A share of 0.25 of a ratio of 4 is exactly 1.
    [2.99, true],
    [3, false],
    [4, false],
    [9, false],
  ])(
    'with a tolerance of 0.25 of a ratio of 4, holds %d for fallen behind: %s',
    async (ratio, fellBehind) => {
      const baseline = await readBaseline(await put(resultOf(caseWithRatio('step', 4))), ['step']);
      const { cases } = compareWithBaseline([caseWithRatio('step', ratio)], baseline, 0.25);
      expect(cases).toEqual([{ name: 'step', ratio, baselineRatio: 4, fellBehind }]);
    },
  );

  it.each([
    // Slow by the clock and level in processor time: another program took the cores.
    [1, 4, false],
    [4, 1, true],
  ])(
    'takes processor time where both sides know it: %d by the clock, %d so',
    async (ratio, cpu, fellBehind) => {
      const withCpu = (time: number, least: number) => {
        const { ours, rival, ...others } = caseWithRatio('step', time);
        return {
          ...others,
          ours: { ...ours, leastCpuSeconds: 1 },
          rival: { ...rival, leastCpuSeconds: least },
        };
      };
      const baseline = await readBaseline(await put(resultOf(withCpu(4, 4))), ['step']);
      const { cases } = compareWithBaseline([withCpu(ratio, cpu)], baseline, 0.25);
      expect(cases).toEqual([{ name: 'step', ratio: cpu, baselineRatio: 4, fellBehind }]);
    },
  );

  it('names the cases that fell behind, and only these', async () => {
    const before = resultOf(
      caseWithRatio('step', 2),
      caseWithRatio('forward', 2),
      caseWithRatio('unasked', 2),
    );
    const baseline = await readBaseline(await put(before), ['step', 'forward']);
    const now = [caseWithRatio('step', 1.9), caseWithRatio('forward', 1.7)];
    const comparison = compareWithBaseline(now, baseline, 0.1);
    expect(comparison.cases.filter(({ fellBehind }) => fellBehind).map(({ name }) => name)).toEqual([
      'forward',
    ]);
    const text = benchTable({ ...resultOf(...now), comparison });
    expect(text).toContain('1 of 2 cases fell more than 10 % behind');
    expect(text).toContain('forward: 1.70x, was 2.00x');
    expect(text).not.toContain('step: 1.90x, was');
  });
});

describe('compareWithEarlier', () => {
  it.each([
    [0.91, 1, true],
    [0.93, 1, false],
    [2, 1, false],
    // As much processor time, and more of the clock: a core that is no longer used, or other work.
    [1, 0.75, true],
    [1, 0.77, false],
  ])(
    'with a tolerance of 0.08, at %d of its processor time and %d of its time, holds for fallen behind: %s',
    (cpu, clock, fellBehind) => {
      const { ours, rival, ...others } = caseWithRatio('step', clock);
      const measured = {
        ...others,
        ours: { ...ours, leastCpuSeconds: 1 },
        rival: { ...rival, leastCpuSeconds: cpu },
      };
      const { baseline, cases } = compareWithEarlier([measured], 'earlier', 0.08);
      expect(baseline).toBe('earlier');
      expect(cases).toEqual([
        { name: 'step', ratio: cpu === 1 && fellBehind ? clock : cpu, baselineRatio: 1, fellBehind },
      ]);
    },
  );
});

describe('readBaseline', () => {
  it('reads what the benchmark prints', async () => {
    const result = resultOf(caseWithRatio('step', 2));
    expect((await readBaseline(await put(result), ['step'])).result).toEqual(result);
  });

  it('refuses a file that lacks a case, and says what it has', async () => {
    await put(resultOf(caseWithRatio('step', 2)));
    await failure(readBaseline(path, ['step', 'forward']), 'BASELINE_INVALID', 'has no forward; it has step');
  });

  it.each([
    ['that is cut off', '{"kind": "bench", "cas'],
    ['of something else', '{"kind": "erm"}'],
    ['without ratios', JSON.stringify(resultOf(caseWithRatio('step', 2))).replaceAll('"ratio"', '"ratios"')],
  ])('refuses a file %s', async (_what, content) => {
    await writeFile(path, content);
    await failure(readBaseline(path, ['step']), 'BASELINE_INVALID', path, 'npm run bench -- --case');
  });

  it('refuses a file that is not there', async () => {
    const missing = join(folder, 'missing.json');
    await failure(readBaseline(missing, ['step']), 'BASELINE_INVALID', missing);
  });
});

describe('readKept', () => {
  const about = { machine: { cores: 2, commit: 'abc' }, device: 'cpu', threads: 2 };

  it('gives the cases of the same commit and machine', async () => {
    const result = { ...resultOf(caseWithRatio('step', 2)), ...about };
    expect(await readKept(await put(result), about)).toEqual(result.cases);
    expect(await readKept(join(folder, 'not-yet.json'), about)).toEqual([]);
  });

  it('takes a part for which PyTorch was not looked for', async () => {
    const result = { ...resultOf(caseWithRatio('step', 2)), ...about };
    const withPytorch = { ...about, machine: { ...about.machine, pytorch: '2.6.0' } };
    expect(await readKept(await put(result), withPytorch)).toEqual(result.cases);
  });

  it('refuses those of another commit, and says which', async () => {
    await put({ ...resultOf(caseWithRatio('step', 2)), ...about });
    const now = { ...about, machine: { ...about.machine, commit: 'def' } };
    await failure(
      readKept(path, now),
      'BASELINE_INVALID',
      `--out: ${path} was measured otherwise: commit abc there and def here`,
    );
  });
});
