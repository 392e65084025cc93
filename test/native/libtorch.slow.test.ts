import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findLibtorch, newerThanTested, ownEnvironment, places } from '../../src/native/findLibtorch.js';
import { readLibtorch } from '../../src/native/libtorch.js';
import { ADDON, failure, ROOT } from '../cli/support.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const cache = join(folder, 'cache');
const environment = { ...process.env };

beforeEach(() => {
  process.env = { ...environment, XDG_CACHE_HOME: cache };
  delete process.env.LIBTORCH;
});

afterEach(() => {
  process.env = { ...environment };
  rmSync(cache, { recursive: true, force: true });
});

/** A folder that looks like a wheel's torch, as far as it is asked. */
function wheel(
  root: string,
  version: string,
  { cuda = null as string | null, cxx11Abi = true } = {},
): string {
  const string = cxx11Abi ? 'NSt7__cxx1112basic_string' : 'Ss';
  const files = {
    'include/ATen/ATen.h': '',
    'lib/libtorch_cpu.so': '',
    'lib/libc10.so': `\0_ZN3c105ErrorC1ENS_14SourceLocationE${string}\0`,
    ...(cuda === null ? {} : { 'lib/libtorch_cuda.so': '' }),
    'version.py': `__version__ = '${version}'\ncuda: Optional[str] = ${cuda === null ? 'None' : `'${cuda}'`}\n`,
    '__init__.py': '',
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function ask(question: string, own: Readonly<Record<string, string | undefined>>) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts/libtorch.mjs'), question],
    { encoding: 'utf8', env: { ...process.env, ...own } },
  );
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

describe('what a folder is', () => {
  it('is read of a real one', () => {
    const { root, version, cxx11Abi, cuda } = builtLibtorch();
    expect(readLibtorch(root)).toEqual({ version, cxx11Abi, cuda });
    expect(version).toMatch(/^2\.\d+(\.\d+)?$/);
  });

  it('tells its version, ABI and CUDA', () => {
    const old = wheel(join(folder, 'old'), '2.6.0+cu124', { cuda: '12.4', cxx11Abi: false });
    expect(readLibtorch(old)).toEqual({ version: '2.6.0', cxx11Abi: false, cuda: '12.4' });
    const zip = wheel(join(folder, 'zip'), '');
    for (const name of ['version.py', '__init__.py']) rmSync(join(zip, name));
    expect(readLibtorch(zip)).toBeUndefined();
    writeFileSync(join(zip, 'build-version'), '2.13.1+cu130\n');
    writeFileSync(join(zip, 'lib/libtorch_cuda.so'), '');
    expect(readLibtorch(zip)).toEqual({ version: '2.13.1', cxx11Abi: true, cuda: '13.0' });
    expect(readLibtorch(folder)).toBeUndefined();
  });
});

describe('the order of places', () => {
  const named = wheel(join(folder, 'named'), '2.11.0');
  const active = wheel(join(folder, 'active', 'torch'), '2.14.1+cu130', { cuda: '13.0' });
  const noPython = join(folder, 'no python');
  mkdirSync(noPython);

  it('begins with what LIBTORCH names', () => {
    process.env.PYTHONPATH = dirname(active);
    process.env.LIBTORCH = named;
    expect(findLibtorch()).toEqual({
      root: named,
      source: 'LIBTORCH',
      version: '2.11.0',
      cxx11Abi: true,
      cuda: null,
      python: null,
    });
  });

  it('goes on with the torch of the active Python', () => {
    process.env.PYTHONPATH = dirname(active);
    expect(findLibtorch()).toMatchObject({
      root: active,
      source: 'torch of the active Python',
      version: '2.14.1',
      cuda: '13.0',
    });
    expect(findLibtorch().python).toMatch(/python3/);
  });

  it('does not take a folder of that name where the user stands', () => {
    const before = process.cwd();
    process.chdir(join(folder, 'active'));
    const second = [...places()][1];
    process.chdir(before);
    expect(second?.found?.root).not.toBe(active);
  });

  it('ends with the environment in the cache, where that is whole', () => {
    process.env.PATH = noPython;
    const own = ownEnvironment();
    const root = wheel(join(own, 'lib', 'python3.11', 'site-packages', 'torch'), '2.15.0');
    const last = () => [...places()].at(-1);
    expect(last()).toMatchObject({ found: undefined, says: `${own} is not complete: npx spurmem build` });
    writeFileSync(join(own, 'spurmem.json'), '["torch==2.15.0"]');
    expect(last()?.found).toMatchObject({ root, python: join(own, 'bin', 'python') });
    rmSync(root, { recursive: true });
    expect(last()?.found).toBeUndefined();
  });

  it('begins with the folder that the last build was given', async () => {
    const { chooseLibtorch } = await import('../../src/native/findLibtorch.js');
    process.env.PYTHONPATH = dirname(active);
    await chooseLibtorch(named);
    expect(findLibtorch().root).toBe(named);
    await chooseLibtorch(undefined);
    expect(findLibtorch().root).toBe(active);
  });

  it('says what to do where there is none', () => {
    const { root } = builtLibtorch();
    if (root === '/usr') return;
    process.env.PATH = noPython;
    expect(() => findLibtorch()).toThrow(
      /^No PyTorch was found here.*1\. .*pip install torch\n.*2\. .*npx spurmem build/s,
    );
  });
});

describe('a libtorch that is refused', () => {
  it('is none', () => {
    process.env.LIBTORCH = folder;
    expect(() => findLibtorch()).toThrow(
      new RegExp(`^LIBTORCH names ${folder}, which is no libtorch.*1\\. Name .*2\\. Or unset LIBTORCH`, 's'),
    );
  });

  it('is too old', () => {
    process.env.LIBTORCH = wheel(join(folder, 'too old'), '2.5.1');
    expect(() => findLibtorch()).toThrow(
      /^PyTorch 2\.5\.1 in .* is too old: 2\.6 or newer is needed\.\n.*1\. .*pip install -U torch/s,
    );
  });

  it('was removed after a build was told to take it', async () => {
    const { chooseLibtorch } = await import('../../src/native/findLibtorch.js');
    const gone = wheel(join(folder, 'gone'), '2.14.0');
    await chooseLibtorch(gone);
    rmSync(gone, { recursive: true });
    expect(() => findLibtorch()).toThrow(/^spurmem build was last told to take .*gone, which is no libtorch/);
  });
});

it('a libtorch that is newer than all that were tested is taken, and said to be so', () => {
  process.env.LIBTORCH = wheel(join(folder, 'newer'), '2.99.0');
  expect(newerThanTested(findLibtorch())).toMatch(/^PyTorch 2\.99\.0 is newer than 2\.\d+, the newest/);
  expect(newerThanTested({ version: '2.9.1' })).toBeUndefined();
});

it('scripts/libtorch.mjs tells what compiling takes', () => {
  const old = wheel(join(folder, 'compile'), '2.6.0', { cxx11Abi: false });
  expect(ask('defines', { LIBTORCH: old }).lines).toEqual(['_GLIBCXX_USE_CXX11_ABI=0']);
  expect(ask('standard', { LIBTORCH: old }).lines).toEqual(['17']);
  expect(ask('standard', { LIBTORCH: builtLibtorch().root }).lines[0]).toMatch(/^(17|20)$/);
  expect(ask('include', { LIBTORCH: old }).lines[0]).toBe(join(old, 'include'));
  expect(ask('libraries', { LIBTORCH: old }).lines).toEqual(['-ltorch_cpu', '-lc10']);
  const { status, stderr } = ask('describe', { LIBTORCH: folder });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^LIBTORCH names/) as string,
  });
});

describe('an addon that does not load', () => {
  /** The addon with one name in it changed for another of the same length, beside a record of its build. */
  function changed(
    name: string,
    from: string | RegExp,
    to: (found: string) => string,
    record: object = {},
  ): string {
    const path = join(folder, name, 'Release', 'spurmem.node');
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(ADDON, path);
    const bytes = readFileSync(path);
    const text = bytes.toString('latin1');
    const found = typeof from === 'string' ? from : (from.exec(text)?.[0] ?? '');
    const at = text.indexOf(found);
    expect(found).not.toBe('');
    expect(to(found)).toHaveLength(found.length);
    bytes.write(to(found), at, 'latin1');
    writeFileSync(path, bytes);
    writeFileSync(join(folder, name, 'libtorch.json'), JSON.stringify({ ...builtLibtorch(), ...record }));
    return path;
  }

  const doctor = (path: string, own: Readonly<Record<string, string>> = {}) =>
    failure(['train', 'erm', '--data', folder, '--out', join(folder, 'out')], 'NATIVE_LOAD_FAILED', {
      SPURMEM_ADDON: path,
      LD_LIBRARY_PATH: undefined,
      ...own,
    });
  // A function of libtorch's that the addon calls.
  const symbol = /_ZN2at4_ops\d+\w+4callE\w*/;
  const otherSymbol = (found: string): string => `${found.slice(0, -1)}${found.endsWith('q') ? 'r' : 'q'}`;

  it('of another version: says which one it was built with, and which one lies there', async () => {
    const { root, source } = builtLibtorch();
    const message = await doctor(changed('version', symbol, otherSymbol, { version: '2.5.1', cuda: null }));
    expect(message).toContain(`Built against libtorch 2.5.1 in ${root} (${source}).`);
    expect(message).toContain(
      `1. ${root} holds libtorch ${builtLibtorch().version} now, and the addon was built`,
    );
  });

  it('of another C++ ABI', async () => {
    const message = await doctor(changed('abi', symbol, otherSymbol, { cxx11Abi: false }));
    expect(message).toMatch(
      /1\. \S+ has the C\+\+11 ABI now, and the addon was built with the C\+\+ ABI of GCC before 5: rebuild/,
    );
  });

  it('where LD_LIBRARY_PATH may bring another libtorch', async () => {
    const message = await doctor(changed('shadowed', symbol, otherSymbol), { LD_LIBRARY_PATH: '/nowhere' });
    expect(message).toMatch(/1\. LD_LIBRARY_PATH is \/nowhere, which may bring another libtorch first/);
  });

  it('whose libtorch was removed', async () => {
    const gone = { root: '/gone', version: '2.9.0' };
    const message = await doctor(changed('gone', symbol, (found) => found, gone));
    expect(message).toMatch(/Reason: \/gone\/lib\/libtorch\S*\.so: cannot open shared object file/);
    expect(message).toMatch(
      /1\. .* was in \/gone, which is no longer there: install that PyTorch again \(2\.9\.0\)/,
    );
  });

  it('that lacks libraries of CUDA', async () => {
    const { root, cuda } = builtLibtorch();
    if (cuda === null) return;
    // A wheel's folder whose neighbours, the packages of CUDA's libraries, are missing.
    const alone = join(folder, 'alone', 'torch');
    mkdirSync(join(alone, 'lib'), { recursive: true });
    for (const name of ['libtorch_cpu.so', 'libc10.so', 'libtorch.so', 'libgomp.so.1']) {
      copyFileSync(join(root, 'lib', name), join(alone, 'lib', name));
    }
    symlinkSync(join(root, 'version.py'), join(alone, 'version.py'));
    const message = await doctor(changed('cuda', symbol, (found) => found, { root: alone }));
    expect(message).toMatch(
      /1\. libcu\S+\.so\S* is one of CUDA\u2019s libraries, which pip installs beside torch/,
    );
  });
});
