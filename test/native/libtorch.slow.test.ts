import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureEnvironment } from '../../src/native/install.js';
import {
  chooseLibtorch,
  findLibtorch,
  hasNvidiaDriver,
  newerThanTested,
  ownEnvironment,
  places,
  readLibtorch,
} from '../../src/native/libtorch.js';
import { changedAddon, OPERATOR, otherName } from '../changedAddon.js';
import { failureIn, node } from '../cli/support.js';
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
  const { status, stdout, stderr } = node(['scripts/libtorch.mjs', question], own);
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

it('a folder without a libtorch, and a libtorch that is too old or gone, are refused', async () => {
  process.env.LIBTORCH = folder;
  expect(() => findLibtorch()).toThrow(
    new RegExp(`^LIBTORCH names ${folder}, which is no libtorch.*1\\. Name .*2\\. Or unset LIBTORCH`, 's'),
  );
  process.env.LIBTORCH = wheel(join(folder, 'too old'), '2.5.1');
  expect(() => findLibtorch()).toThrow(
    /^PyTorch 2\.5\.1 in .* is too old: 2\.6 or newer is needed\.\n.*1\. .*pip install -U torch/s,
  );
  delete process.env.LIBTORCH;
  const gone = wheel(join(folder, 'gone'), '2.14.0');
  await chooseLibtorch(gone);
  rmSync(gone, { recursive: true });
  expect(() => findLibtorch()).toThrow(/^spurmem build names .*gone, which is no libtorch/);
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
  /** The addon with an operator's name changed, next to a record of its build. */
  function changed(name: string, to: (found: string) => string, record: object = {}): string {
    const path = join(folder, name, 'Release', 'spurmem.node');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, changedAddon(OPERATOR, to));
    writeFileSync(join(folder, name, 'libtorch.json'), JSON.stringify({ ...builtLibtorch(), ...record }));
    return path;
  }

  const inEnvironment = (
    own: Readonly<Record<string, string | undefined>>,
    path: string,
    ...parts: (string | RegExp)[]
  ) =>
    failureIn(
      { SPURMEM_ADDON: path, ...own },
      ['train', 'erm', '--data', folder, '--out', join(folder, 'out')],
      'NATIVE_LOAD_FAILED',
      ...parts,
    );
  const doctor = (path: string, ...parts: (string | RegExp)[]) =>
    inEnvironment({ LD_LIBRARY_PATH: undefined }, path, ...parts);

  it('of another version or C++ ABI: says which one it was built with, and which one lies there', async () => {
    const { root, source, version } = builtLibtorch();
    await doctor(
      changed('version', otherName, { version: '2.5.1', cuda: null, cxx11Abi: false }),
      `Built against libtorch 2.5.1 in ${root} (${source}).`,
      `1. ${root} has libtorch ${version} now, and the addon was built with libtorch 2.5.1 with the C++ ABI of GCC before 5: rebuild`,
    );
  });

  it('where LD_LIBRARY_PATH may bring another libtorch', async () => {
    await inEnvironment(
      { LD_LIBRARY_PATH: '/nowhere' },
      changed('shadowed', otherName),
      /1\. LD_LIBRARY_PATH is \/nowhere, which may bring another libtorch first/,
    );
  });

  it('whose libtorch was removed', async () => {
    const gone = { root: '/gone', version: '2.9.0' };
    await doctor(
      changed('gone', (found) => found, gone),
      /Reason: \/gone\/lib\/libtorch\S*\.so: cannot open shared object file/,
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
    await doctor(
      changed('cuda', (found) => found, { root: alone }),
      /1\. libcu\S+\.so\S* is one of CUDA\u2019s libraries, which pip installs with torch/,
    );
  });
});

it('an environment that is whole is taken as it is', async () => {
  const own = ownEnvironment();
  const root = wheel(join(own, 'lib', 'python3.11', 'site-packages', 'torch'), '2.15.0+cu132', {
    cuda: '13.2',
  });
  writeFileSync(join(own, 'spurmem.json'), '["torch==2.15.0"]');
  const onInfo = (text: string): never => {
    throw new Error(text);
  };
  const libtorch = await ensureEnvironment({ onInfo });
  expect(libtorch).toMatchObject({ root, version: '2.15.0', python: join(own, 'bin', 'python') });
});

it('an environment for the CPU alone serves it, and gets the rest when a GPU or Python\u2019s torch is asked for', async () => {
  // It is not taken then.
  if (hasNvidiaDriver()) return;
  const own = ownEnvironment();
  const root = wheel(join(own, 'lib', 'python3.11', 'site-packages', 'torch'), '2.15.0+cu132', {
    cuda: '13.2',
  });
  writeFileSync(join(own, 'spurmem.json'), '["--no-deps","torch==2.15.0"]');
  expect(await ensureEnvironment({ gpu: false })).toMatchObject({ root });
  // No pip is there: what is asked of it shows in the message, and what was there stays.
  const told: string[] = [];
  await expect(ensureEnvironment({ gpu: true, onInfo: (text) => void told.push(text) })).rejects.toThrow();
  expect(told).toEqual([
    expect.stringMatching(
      /will download torch 2\.15\.0 with all libraries for GPUs, about 3 GB, .*, 5\.5 GB\.$/,
    ),
  ]);
  expect(await ensureEnvironment({ gpu: false })).toMatchObject({ root });
});

// pip itself, which is told to ask nobody.
it('without a network, what was left half done is removed, and the message says what to install by hand', () => {
  const other = join(folder, 'without network');
  const half = join(other, 'spurmem', 'torch-2.15.0', 'half');
  mkdirSync(dirname(half), { recursive: true });
  writeFileSync(half, '');
  // Whatever PyTorch this machine has: only the installing is called.
  const code = `
    import { ensureEnvironment } from './dist/native/install.js';
    await ensureEnvironment({ gpu: false, onInfo: console.error }).catch(({ message }) => console.error(message));`;
  const offline = { XDG_CACHE_HOME: other, PIP_NO_INDEX: '1', PIP_FIND_LINKS: undefined };
  const { stderr } = node(['--input-type=module', '-e', code], offline);
  expect(stderr).toMatch(
    /^pip will download torch 2\.15\.0 for the CPU alone with two of CUDA\u2019s libraries, about 0\.6 GB, and install it into .*, 1\.3 GB\.$/m,
  );
  expect(stderr).toContain('No matching distribution found for torch==2.15.0');
  expect(stderr).toMatch(
    /^PyTorch could not be installed\. torch==2\.15\.0 could not be installed; pip\u2019s messages are above\..*By hand: pip install/m,
  );
  expect(existsSync(half)).toBe(false);
});
