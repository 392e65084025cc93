import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { changedAddon } from '../changedAddon.js';
import { put } from '../data/support.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';
import { ADDON, expectFailure, failureIn, outcomeOf, ROOT, spurmem, trainArguments } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const out = join(folder, 'run');
const train = trainArguments(data, out);
const otherVersion = join(folder, 'other', 'Release', 'spurmem.node');
const noAddon = join(folder, 'text.node');
const missing = join(folder, 'missing.node');

beforeAll(async () => {
  const rows = [0, 1, 2].flatMap((split) =>
    ['0,0', '0,1', '1,0', '1,1'].map((pair, index) => `${split}${index}.png,${split},${pair}`),
  );
  await put(join(data, 'metadata.csv'), ['img_filename,split,y,place', ...rows, ''].join('\n'));
  writeFileSync(noAddon, 'not a shared object');
  mkdirSync(dirname(otherVersion), { recursive: true });
  writeFileSync(
    otherVersion,
    changedAddon('libtorch_cpu.so', (name) => name.replace('cpu', 'gpu')),
  );
  writeFileSync(join(folder, 'other', 'libtorch.json'), JSON.stringify(builtLibtorch()));
});

afterEach(() => {
  expect(existsSync(out)).toBe(false);
});

it('tells how to get the libtorch that the addon was built with', async () => {
  await failureIn(
    { SPURMEM_ADDON: otherVersion },
    train,
    'NATIVE_LOAD_FAILED',
    otherVersion,
    /^ +1\. libtorch_gpu\.so\S* was not found.*: install/m,
    /^ +2\. .*rebuild/m,
  );
});

it('names the variable that names a missing addon', async () => {
  const named = `The environment variable SPURMEM_ADDON names ${missing}, which does not exist`;
  const unset = 'Unset it to use the addon that was built here';
  const message = await failureIn({ SPURMEM_ADDON: missing }, train, 'NATIVE_LOAD_FAILED', named, unset);
  expect(message).not.toContain('not built');
});

it('names the file that is no addon', async () => {
  expectFailure(await spurmem(train, { SPURMEM_ADDON: noAddon }), 1, noAddon, '  1. ', 'scripts/setup.sh');
});

it('takes an addon by a path relative to the working folder', async () => {
  copyFileSync(ADDON, join(folder, 'copy.node'));
  const outcome = await spurmem(['doctor'], { SPURMEM_ADDON: relative(ROOT, join(folder, 'copy.node')) });
  expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
  expect(outcome.stdout).toContain(`addon: ${join(folder, 'copy.node')}`);
});

it('refuses another module in the place of the addon', async () => {
  const other = join(folder, 'other.cjs');
  writeFileSync(other, 'module.exports = {};');
  const { exitCode, stdout } = await spurmem(['doctor'], { SPURMEM_ADDON: other });
  expect(stdout).toMatch(/FAIL addon: .*\n.*other\.cjs.\n.*another module.*\n +1\. /);
  expect(exitCode).toBe(1);
});

it.each([
  ['bounds how long OpenMP\u2019s threads spin', {}, "GOMP_SPINCOUNT = '1000'"],
  ['leaves a bound of the user\u2019s', { GOMP_SPINCOUNT: '77' }, "GOMP_SPINCOUNT = '77'"],
  ['leaves a policy of the user\u2019s', { OMP_WAIT_POLICY: 'active' }, "GOMP_SPINCOUNT = '30000000000'"],
])('%s', async (_what, environment, shown) => {
  const own = { OMP_WAIT_POLICY: undefined, GOMP_SPINCOUNT: undefined, OMP_DISPLAY_ENV: 'verbose' };
  const { stderr } = await spurmem(['doctor'], { ...own, ...environment });
  expect(stderr).toContain(shown);
});

describe('doctor', () => {
  it('says that all is well', async () => {
    const { exitCode, stdout, stderr } = await spurmem(['doctor', '--json']);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; found: string }[] };
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(checks).toContainEqual({ name: 'addon', status: 'ok', found: ADDON });
    expect(checks.find(({ name }) => name === 'other work')?.found).toMatch(
      /keep \d+\.\d of \d+ cores busy$/,
    );
    const { version, root } = builtLibtorch();
    const found = checks.find(({ name }) => name === 'libtorch')?.found;
    expect(found).toMatch(new RegExp(`^libtorch ${version} .*in ${root} .*, \\d+ threads$`, 'm'));
    expect(found).toMatch(
      /^1\. LIBTORCH: .*\n2\. torch of the active Python: .*\n3\. Debian\u2019s libtorch: /m,
    );
    expect(checks.find(({ name }) => name === 'operators')?.status).toBe('ok');
    expect(checks.find(({ name }) => name === 'image decoders')).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^JPEG by .*libturbojpeg\.so\.0\nPNG by .*libspng\.so\.0$/) as string,
    });
  });

  it('warns where LIBTORCH names another libtorch than the one in use', async () => {
    const { exitCode, stdout } = await spurmem(['doctor'], { LIBTORCH: folder });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^WARN libtorch: /m);
    expect(stdout).toContain(`scripts/setup.sh builds for ${folder}.`);
    expect((await spurmem(['doctor'], { LIBTORCH: builtLibtorch().root })).stdout).toMatch(
      /^ok {3}libtorch: /m,
    );
  });

  it('ends well where a reader closes stdout early', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'spurmem.js'), 'doctor', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    expect(await outcomeOf(child)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('says that others use the cores', async () => {
    const busy = spawn(process.execPath, ['-e', 'for (;;);']);
    try {
      const { stdout } = await spurmem(['doctor']);
      expect(stdout).toMatch(/^WARN other work: other processes keep \d+\.\d of \d+ cores busy$/m);
    } finally {
      busy.kill();
    }
  });

  it.each([otherVersion, noAddon, missing])('prints FAIL with the fixes and exits with 1', async (addon) => {
    const { exitCode, stdout } = await spurmem(['doctor'], { SPURMEM_ADDON: addon });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^FAIL addon: /m);
    expect(stdout).toContain(addon);
    expect(stdout).toMatch(/^ +1\. /m);
    expect(stdout).toMatch(/^ok {3}node: /m);
  });
});
