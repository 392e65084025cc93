import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchSchema } from '../../bench/src/result.js';
import { caseWithRatio, resultOf } from '../bench/support.js';
import { pythonProgram } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { expectFailure, type Outcome, ROOT, spurmem, succeed } from './support.js';

const folder = temporaryFolder();
const data = ['--data', join(folder, 'data')];
const case_ = ['--case', 'startup-help', '--repeats', '1', ...data];

function bench(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return spurmem(args, environment, join(ROOT, 'bench', 'dist', 'main.js'));
}

describe('the benchmark', () => {
  it('lists the cases', async () => {
    const { stdout } = await succeed([], bench);
    for (const name of ['startup-help', 'resnet50-erm-step', 'trace-structured-resnet18']) {
      expect(stdout).toContain(name);
    }
    expect(stdout).toContain('(needs --run)');
  });

  it('measures a case, and exits with 1 naming it when it fell behind a baseline', async () => {
    const baseline = join(folder, 'baseline.json');
    const text = JSON.stringify(resultOf(caseWithRatio('startup-help', 1e6)));
    await writeFile(baseline, text);
    // A Python that imports PyTorch anew at each start takes a minute.
    const environment = { SPURMEM_PYTHON: pythonProgram() };
    const behind = await bench([...case_, '--compare', baseline], environment);
    expect(behind.exitCode).toBe(1);
    expect(behind.stdout).toMatch(
      /1 of 1 cases fell more than 10 % behind .*baseline\.json:\n +startup-help: /,
    );
    expect(await readFile(baseline, 'utf8')).toBe(text);
  });

  it('measures against an earlier checkout instead of PyTorch, and finds a planted slowdown', async () => {
    // Two starts of one program: five times slower is beyond any noise.
    const environment = { SPURMEM_PYTHON: join(folder, 'no-python'), SPURMEM_BENCH_SLOWDOWN: '4' };
    const against = [...case_, '--against', ROOT];
    const slowed = await bench([...against, '--json'], environment);
    expect(slowed.exitCode).toBe(1);
    const result = benchSchema.parse(JSON.parse(slowed.stdout));
    expect(result.comparison?.cases[0]).toMatchObject({ baselineRatio: 1, fellBehind: true });
    expect(result.cases[0]).toMatchObject({ name: 'startup-help', unit: 'starts' });
    expect(result.cases[0]?.ratio.pairs).toHaveLength(1);
    expect(result.cases[0]?.ratio.median).toBeLessThan(0.5);
    expect(result.machine).not.toHaveProperty('pytorch');
  });

  const damaged = join(folder, 'damaged.json');
  beforeAll(() => writeFile(damaged, '{"kind"'));

  it.each<[string, number, string[], string[]]>([
    ['an output without a case', 2, ['--out', 'x'], ['--out takes --case']],
    ['a case that is none', 2, ['--case', 'resnet50-erm'], ['"resnet50-erm"', 'resnet50-erm-step']],
    ['a case that needs a run', 2, ['--case', 'trace-structured-resnet18'], ['--run']],
    ['a checkout that is none', 2, [...case_, '--against', folder], [folder, 'bench/dist/worker.js']],
    ['a checkout and a baseline', 2, [...case_, '--against', ROOT, '--compare', 'x'], ['--against']],
    ['a damaged baseline', 1, [...case_, '--compare', damaged], [damaged]],
    ['no repeats', 2, [...case_, '--repeats', '0'], ['--repeats']],
  ])('refuses %s', async (_what, exitCode, args, texts) => {
    expectFailure(await bench(args), exitCode, ...texts);
  });

  it.each([
    ['no Python', join(folder, 'no-python')],
    ['a Python that does not import', process.execPath],
  ])('says which Python was used and what to do for %s', async (_what, python) => {
    const outcome = await bench(case_, { SPURMEM_PYTHON: python });
    expectFailure(outcome, 1, `${python} (SPURMEM_PYTHON names it)`, '1. ', 'python3-torch', '2. ');
  });
});
