import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cachedBuild } from '../../src/native/addonFiles.js';
import { libtorchNow } from '../../src/native/buildRecord.js';
import { ADDON, ROOT, spurmem } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
/** As npm installs it: no checkout's scripts, and no build of its own. */
const installed = join(folder, 'node_modules', 'spurmem');
const cache = join(folder, 'cache');
const prebuild = (version: string): string =>
  join(installed, 'prebuilds', `libtorch-${version}`, 'prebuilds', 'linux-x64', 'spurmem.glibc.node');

function put(path: string, content: Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** An addon that wants a libtorch which no machine has. */
function addonOfOther(): Buffer {
  const bytes = readFileSync(ADDON);
  bytes.write('libtorch.so.9.9', bytes.indexOf('libtorch.so.2.6'));
  return bytes;
}

async function run(args: readonly string[], environment: Readonly<Record<string, string | undefined>> = {}) {
  const own = { XDG_CACHE_HOME: cache, LIBTORCH: undefined, ...environment };
  return spurmem([...args, '--json'], own, join(installed, 'bin', 'spurmem.js'));
}

async function addonCheck(): Promise<{ status: string; found: string; fix?: string }> {
  const { stdout } = await run(['doctor']);
  const { checks } = JSON.parse(stdout) as {
    checks: { name: string; status: string; found: string; fix?: string }[];
  };
  const [check] = checks.filter(({ name }) => name === 'addon');
  if (check === undefined) throw new Error(stdout);
  return check;
}

beforeAll(() => {
  for (const name of ['bin', 'dist', 'native', 'package.json', 'CMakeLists.txt', 'scripts/libtorch.cjs']) {
    cpSync(join(ROOT, name), join(installed, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
});

afterEach(() => {
  for (const path of [cache, join(installed, 'prebuilds')]) rmSync(path, { recursive: true, force: true });
});

it('tells how to compile it where the package brings none', async () => {
  const { status, fix } = await addonCheck();
  expect(status).toBe('error');
  expect(fix).toContain('has no prebuild for linux-x64 with glibc');
  expect(fix).toMatch(/^ +1\. .*npx spurmem build/m);
  expect(fix).not.toContain('setup.sh');
});

it('tells how to compile it where no libtorch fits', async () => {
  put(prebuild('9.9.0'), addonOfOther());
  const { fix } = await addonCheck();
  expect(fix).toContain('of the package\u2019s prebuilds none fits: they are for libtorch 9.9.0.');
  expect(fix).toContain('Reason: libtorch.so.9.9: cannot open shared object file');
  expect(fix).toMatch(/^ +1\. .*npx spurmem build/m);
});

it('takes the prebuild whose libtorch is here, and what was compiled before that', async () => {
  put(prebuild('9.9.0'), addonOfOther());
  put(prebuild('2.6.0'), readFileSync(ADDON));
  expect(await addonCheck()).toMatchObject({ status: 'ok', found: prebuild('2.6.0') });

  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = cache;
  const compiled = join(cachedBuild(libtorchNow()), 'Release', 'spurmem.node');
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  expect(compiled.startsWith(cache)).toBe(true);
  mkdirSync(dirname(compiled), { recursive: true });
  copyFileSync(ADDON, compiled);
  expect(await addonCheck()).toMatchObject({ status: 'ok', found: compiled });
  const { exitCode, stdout } = await run(['build']);
  expect({ exitCode, ...(JSON.parse(stdout) as object) }).toMatchObject({
    ...{ exitCode: 0, path: compiled, reused: true },
  });
});

it.each([
  ['cmake', { PATH: '/nowhere' }, /cmake is missing.*apt-get install cmake make g\+\+/s],
  ['a compiler', { CXX: '/bin/false' }, /cmake ended with 1\.\n.*CMake Error.*g\+\+/s],
  ['the libtorch that is named', { LIBTORCH: '/nowhere' }, /LIBTORCH names \/nowhere.*unset LIBTORCH/s],
])('build says that it lacks %s, and leaves nothing', async (_what, environment, message) => {
  const { exitCode, stdout } = await run(['build'], environment);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect({ exitCode, code: error.code }).toEqual({ exitCode: 1, code: 'NATIVE_BUILD_FAILED' });
  expect(error.message).toMatch(message);
  const { exitCode: after } = await run(['doctor']);
  expect(after).toBe(1);
});
