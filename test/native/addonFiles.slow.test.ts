import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cachedBuild, platformProblem, prebuildName } from '../../src/native/addonFiles.js';
import { changedAddon, OPERATOR, otherName } from '../changedAddon.js';
import { ADDON, ROOT, spurmem } from '../cli/support.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
/** As npm installs it: no checkout's scripts, and no build of its own. */
const installed = join(folder, 'node_modules', 'spurmem');
const cache = join(folder, 'cache');
const libtorch = builtLibtorch();
const prebuildIn = (name: string): string =>
  join(installed, 'prebuilds', name, 'prebuilds', `linux-${process.arch}`, 'spurmem.glibc.node');
const prebuild = prebuildIn(prebuildName(libtorch));

function put(path: string, content: Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

async function run(args: readonly string[], environment: Readonly<Record<string, string | undefined>> = {}) {
  const own = { XDG_CACHE_HOME: cache, LIBTORCH: libtorch.root, SPURMEM_ADDON: undefined, ...environment };
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

const trials = (): string[] => readdirSync(join(cache, 'spurmem', 'trials'));

beforeAll(() => {
  for (const name of ['bin', 'dist', 'native', 'package.json', 'CMakeLists.txt', 'scripts/libtorch.mjs']) {
    cpSync(join(ROOT, name), join(installed, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
});

afterEach(() => {
  for (const path of [cache, join(installed, 'prebuilds')]) rmSync(path, { recursive: true, force: true });
});

it('tells how to compile it, and for which versions the package brings some', async () => {
  const { status, fix } = await addonCheck();
  expect(status).toBe('error');
  expect(fix).toMatch(/^There is no native addon for libtorch 2\.\d+.*: the package brings none\./);
  expect(fix).toMatch(/^ +1\. .*npx spurmem build/m);
  expect(fix).not.toContain('setup.sh');
  put(prebuildIn('libtorch-2.99'), readFileSync(ADDON));
  put(prebuildIn('libtorch-2.100-debian'), readFileSync(ADDON));
  expect((await addonCheck()).fix).toContain(': the package brings some for 2.100-debian, 2.99.');
});

it('takes the prebuild of this libtorch, which it tries once, and what was compiled before that', async () => {
  put(prebuild, readFileSync(ADDON));
  expect(await addonCheck()).toMatchObject({ status: 'ok', found: prebuild });
  const [trial = ''] = trials();
  const kept = join(cache, 'spurmem', 'trials', trial);
  const { mtimeMs } = statSync(kept);
  expect(await addonCheck()).toMatchObject({ status: 'ok' });
  expect([trials(), statSync(kept).mtimeMs]).toEqual([[trial], mtimeMs]);
  // Other files of the same paths are tried.
  put(prebuild, readFileSync(ADDON));
  expect(await addonCheck()).toMatchObject({ status: 'ok' });
  expect(trials()).toHaveLength(2);

  const reused = JSON.parse((await run(['build'])).stdout) as object;
  expect(reused).toMatchObject({ path: prebuild, reused: true });
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = cache;
  const compiled = join(cachedBuild(libtorch), 'Release', 'spurmem.node');
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  expect(compiled.startsWith(cache)).toBe(true);
  mkdirSync(dirname(compiled), { recursive: true });
  copyFileSync(ADDON, compiled);
  expect(await addonCheck()).toMatchObject({ status: 'ok', found: compiled });
  const { exitCode, stdout } = await run(['build']);
  expect({ exitCode, ...(JSON.parse(stdout) as object) }).toMatchObject({
    exitCode: 0,
    path: compiled,
    reused: true,
  });
});

it('says what is wrong with a prebuild of another ABI', async () => {
  put(prebuild, changedAddon(OPERATOR, otherName));
  const { status, fix } = await addonCheck();
  expect(status).toBe('error');
  expect(fix).toMatch(
    /^The package\u2019s native addon does not work with libtorch 2\.\d+.*: .*spurmem\.glibc\.node/,
  );
  expect(fix).toMatch(/Reason: .*undefined symbol: _ZN2at4_ops/);
  expect(fix).toMatch(/^ +1\. .*npx spurmem build/m);
});

it('survives a prebuild that crashes', async () => {
  const source = join(folder, 'crash.c');
  writeFileSync(
    source,
    '#include <signal.h>\n__attribute__((constructor)) static void crash(void) { raise(SIGSEGV); }\n',
  );
  mkdirSync(dirname(prebuild), { recursive: true });
  execFileSync('gcc', ['-shared', '-fPIC', '-o', prebuild, source]);
  const { status, fix } = await addonCheck();
  expect(status).toBe('error');
  expect(fix).toContain('Reason: it ended the process by SIGSEGV');
});

it('needs no newer system than libtorch, as decoders do whose functions are taken in their oldest version', () => {
  const needs = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'scripts/symbols.mjs'), ...args], { encoding: 'utf8' });
  expect(needs(ADDON)).toMatchObject({ status: 0, stdout: expect.stringContaining('GLIBC_2.28') as string });
  const [source, library] = [join(folder, 'power.c'), join(folder, 'libpower.so')];
  writeFileSync(
    source,
    '#include <math.h>\n#include <unistd.h>\ndouble power(double x) { return getpid() > 0 ? pow(x, x) : 0; }\n',
  );
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source, '-lm']);
  const { status, stderr } = needs(library);
  expect(status).toBe(1);
  expect(stderr).toContain('libpower.so needs a newer system than libtorch: GLIBC_2.29 (at most GLIBC_2.28)');
  expect(needs('--oldest', library)).toMatchObject({ status: 0 });
  const code =
    'import ctypes, sys; f = ctypes.CDLL(sys.argv[1]).power; f.restype = ctypes.c_double; print(f(ctypes.c_double(3)))';
  expect(execFileSync('python3', ['-c', code, library], { encoding: 'utf8' })).toBe('27.0\n');
});

it.each([
  [
    'cmake',
    { PATH: '/nowhere' },
    'NATIVE_BUILD_FAILED',
    /cmake is missing.*apt-get install cmake make g\+\+/s,
  ],
  ['a compiler', { CXX: '/bin/false' }, 'NATIVE_BUILD_FAILED', /cmake ended with 1\.\n.*CMake Error.*g\+\+/s],
  [
    'the libtorch that is named',
    { LIBTORCH: '/nowhere' },
    'LIBTORCH_UNUSABLE',
    /names \/nowhere.*unset LIBTORCH/s,
  ],
])('build says that it lacks %s, and leaves nothing', async (_what, environment, code, message) => {
  const { exitCode, stdout } = await run(['build'], environment);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect({ exitCode, code: error.code }).toEqual({ exitCode: 1, code });
  expect(error.message).toMatch(message);
  const left = existsSync(cache) ? readdirSync(cache, { recursive: true, encoding: 'utf8' }) : [];
  expect(left.filter((name) => /\.tmp(?:\/|$)/.test(name))).toEqual([]);
  const { exitCode: after } = await run(['doctor']);
  expect(after).toBe(1);
});

it('refuses other systems by name', () => {
  const real = Object.getOwnPropertyDescriptors(process);
  const onPlatform = (platform: string, arch: string): string | undefined => {
    Object.defineProperty(process, 'platform', { ...real.platform, value: platform });
    Object.defineProperty(process, 'arch', { ...real.arch, value: arch });
    try {
      return platformProblem();
    } finally {
      Object.defineProperty(process, 'platform', real.platform);
      Object.defineProperty(process, 'arch', real.arch);
    }
  };
  expect(onPlatform('darwin', 'arm64')).toMatch(
    /on Linux with glibc, on x64 and arm64\. This is darwin-arm64\.$/,
  );
  expect(onPlatform('linux', 'ia32')).toMatch(/This is linux-ia32 with glibc\.$/);
  expect(onPlatform('linux', 'arm64')).toBeUndefined();
});
