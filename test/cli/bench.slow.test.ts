import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchSchema } from '../../bench/src/result.js';
import { pythonProgram } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { expectFailure, failure, failureIn, ROOT, spurmem, succeed } from './support.js';

const folder = temporaryFolder();
const data = ['--data', join(folder, 'data')];
const case_ = ['bench', '--case', 'startup-help', '--repeats', '1', ...data];

describe('spurmem bench', () => {
  it('lists the cases', async () => {
    const { stdout } = await succeed(['bench']);
    for (const name of ['startup-help', 'resnet50-erm-step', 'trace-structured-resnet18']) {
      expect(stdout).toContain(name);
    }
    expect(stdout).toContain('(needs --run)');
    await failure(['bench', '--out', join(folder, 'out.json')], 'USAGE', '--out takes --case');
  });

  it('measures a case, and exits with 1 naming it when it fell behind a baseline', async () => {
    const { stdout } = await succeed([...case_, '--json']);
    const result = benchSchema.parse(JSON.parse(stdout));
    const [measured] = result.cases;
    if (!measured) throw new Error('nothing was measured');
    expect(measured).toMatchObject({ name: 'startup-help', unit: 'starts' });
    expect(measured.ratio.pairs).toHaveLength(1);

    // Once is enough for a Python that imports PyTorch anew.
    const environment = { SPURMEM_PYTHON: pythonProgram() };
    const baseline = join(folder, 'baseline.json');
    const compare = [...case_, '--compare', baseline];
    const put = (ratio: number) =>
      writeFile(
        baseline,
        JSON.stringify({
          ...result,
          cases: [
            {
              ...measured,
              // Else the ratio is that of processor times.
              ours: { ...measured.ours, leastCpuSeconds: null },
              ratio: { ...measured.ratio, median: ratio },
            },
          ],
        }),
      );
    await put(1e6);
    const behind = await spurmem(compare, environment);
    expect(behind.exitCode).toBe(1);
    expect(behind.stdout).toMatch(
      /1 of 1 cases fell more than 10 % behind .*baseline\.json:\n +startup-help: /,
    );

    await put(1e-6);
    const level = await spurmem([...compare, '--json'], environment);
    expect(benchSchema.parse(JSON.parse(level.stdout)).comparison?.cases[0]?.fellBehind).toBe(false);
    expect(await readFile(baseline, 'utf8')).toContain('0.000001');
  });

  it('measures beside an earlier checkout in the place of PyTorch, and finds a planted slowdown', async () => {
    // Two starts of one program: five times slower is beyond any noise.
    const environment = { SPURMEM_PYTHON: join(folder, 'no-python'), SPURMEM_BENCH_SLOWDOWN: '4' };
    const against = [...case_, '--against', ROOT];
    const slowed = await spurmem(against, environment);
    expect(slowed.exitCode).toBe(1);
    expect(slowed.stdout).toMatch(/1 of 1 cases fell more than 10 % behind .*:\n +startup-help: 0\.[0-4]/);
    const generous = await spurmem([...against, '--tolerance', '0.99', '--json'], environment);
    const result = benchSchema.parse(JSON.parse(generous.stdout));
    expect(result.comparison?.cases[0]).toMatchObject({ baselineRatio: 1, fellBehind: false });
    expect(result.cases[0]?.ratio.median).toBeLessThan(0.5);
    expect(result.machine).not.toHaveProperty('pytorch');
  });

  it('refuses an earlier checkout that is none or not built, and one beside a baseline', async () => {
    await failure(
      [...case_, '--against', folder],
      'USAGE',
      folder,
      'bench/dist/worker.js',
      'scripts/setup.sh',
    );
    await failure([...case_, '--against', ROOT, '--compare', 'x'], 'USAGE', '--against', '--compare');
  });

  it('names the nearest cases of one that is none', async () => {
    const near = ['bench', '--case', 'resnet50-erm', ...data];
    await failure(near, 'USAGE', '"resnet50-erm"', 'resnet50-erm-step');
  });

  it('asks for a run where a case needs one', async () => {
    await failure(['bench', '--case', 'trace-structured-resnet18', ...data], 'USAGE', '--run');
  });

  it('refuses a damaged baseline before it measures', async () => {
    const damaged = join(folder, 'damaged.json');
    await writeFile(damaged, '{"kind"');
    await failure([...case_, '--compare', damaged], 'BASELINE_INVALID', damaged);
  });

  it.each([
    ['no Python', join(folder, 'no-python')],
    ['a Python that does not import', process.execPath],
  ])('says which Python was used and what to do for %s', async (_what, python) => {
    const fixes = [/^ +1\. .*python3-torch/m, /^ +2\. .*SPURMEM_PYTHON/m];
    const named = `${python} (SPURMEM_PYTHON names it)`;
    await failureIn({ SPURMEM_PYTHON: python }, case_, 'PYTORCH_MISSING', named, ...fixes);
  });

  it('says what is missing where the package is installed without the benchmark', async () => {
    const installed = join(folder, 'installed');
    await mkdir(installed);
    for (const part of ['package.json', 'bin', 'dist']) {
      await cp(join(ROOT, part), join(installed, part), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
    const outcome = await spurmem(['bench'], {}, join(installed, 'bin', 'spurmem.js'));
    expectFailure(outcome, 1, join(installed, 'bench', 'dist', 'main.js'), 'npm run build');
  });

  it.each([
    ['no repeats', ['--repeats', '0']],
    ['a negative tolerance', ['--tolerance', '-1']],
    ['a device that is none', ['--device', 'gpu']],
  ])('exits with 2 for %s', async (_what, more) => {
    const { exitCode, stderr } = await spurmem([...case_, ...more]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining('--') as string });
  });
});
