import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failure, ADDON, ROOT } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();

/** A folder that looks like a libtorch as far as it is asked. */
function libtorch(
  name: string,
  [major, minor]: readonly [number, number],
  abi: 0 | 1,
  library = 'libtorch.so',
): string {
  const root = join(folder, name, 'torch');
  const files = {
    'include/ATen/ATen.h': '',
    // Newer ones have the numbers in a file of their own, which the old one includes.
    ...(minor < 10
      ? {}
      : { 'include/torch/csrc/api/include/torch/version.h': '#include <torch/headeronly/version.h>' }),
    [`include/torch/${minor < 10 ? 'csrc/api/include/torch' : 'headeronly'}/version.h`]: [
      `#define TORCH_VERSION_MAJOR ${major}`,
      `#define TORCH_VERSION_MINOR ${minor}`,
      '#define TORCH_VERSION_PATCH 0',
    ].join('\n'),
    'share/cmake/Torch/TorchConfig.cmake': `set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=${abi}")`,
    [`lib/${library}`]: '',
    '__init__.py': '',
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function ask(question: string, environment: Readonly<Record<string, string | undefined>>) {
  const { LIBTORCH: _libtorch, ...inherited } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts/libtorch.cjs'), question],
    {
      encoding: 'utf8',
      env: { ...inherited, ...environment },
    },
  );
  return { status, stdout, stderr };
}

describe('scripts/libtorch.cjs', () => {
  const old = libtorch('old', [2, 6], 0, 'libtorch_cuda.so');
  const recent = libtorch('recent', [2, 11], 1);

  it('takes what LIBTORCH names before all others', () => {
    const cuda = join(folder, 'cuda');
    mkdirSync(join(cuda, 'include'), { recursive: true });
    writeFileSync(join(cuda, 'include/cuda_runtime_api.h'), '');
    const environment = { LIBTORCH: old, PYTHONPATH: dirname(recent), CUDA_HOME: cuda };
    expect(JSON.parse(ask('json', environment).stdout)).toEqual({
      ...{ root: old, source: 'LIBTORCH', version: '2.6.0', cxx11Abi: false, cuda: true },
    });
    expect(ask('defines', environment).stdout).toBe('_GLIBCXX_USE_CXX11_ABI=0\nSPURMEM_CUDA\n');
    expect(ask('include', environment).stdout.split('\n')).toContain(join(cuda, 'include'));
    expect(ask('standard', environment).stdout).toBe('17\n');
    expect(ask('libraries', environment).stdout.split('\n')).toContain('-ltorch_cuda');
    expect(ask('describe', environment).stdout).toBe(`libtorch 2.6.0 with CUDA: ${old} (LIBTORCH)\n`);
  });

  it('takes the torch package of python3 before Debian\u2019s', () => {
    const environment = { PYTHONPATH: dirname(recent) };
    expect(JSON.parse(ask('json', environment).stdout)).toMatchObject({
      root: recent,
      version: '2.11.0',
      cxx11Abi: true,
    });
    expect(ask('python', environment).stdout).toBe('python3\n');
    expect(ask('standard', environment).stdout).toBe('20\n');
    // A libtorch without CUDA has nothing of CUDA's to compile.
    expect(ask('defines', environment).stdout).toBe('_GLIBCXX_USE_CXX11_ABI=1\n');
  });

  it('takes Debian\u2019s otherwise', () => {
    expect(JSON.parse(ask('json', {}).stdout)).toMatchObject({
      root: '/usr',
      source: 'Debian\u2019s libtorch-dev',
    });
    expect(ask('root', {}).stdout).toBe('\n');
  });

  it('says so where headers tell no version', () => {
    const root = libtorch('nameless', [2, 6], 1);
    writeFileSync(join(root, 'include/torch/csrc/api/include/torch/version.h'), '');
    const { status, stderr } = ask('json', { LIBTORCH: root });
    expect(status).toBe(1);
    expect(stderr).toContain(`${root} holds a libtorch whose headers tell no version`);
  });

  it('says what LIBTORCH should name', () => {
    const { status, stderr } = ask('root', { LIBTORCH: folder });
    expect(status).toBe(1);
    expect(stderr).toContain(`LIBTORCH names ${folder}, which has no include/ATen/ATen.h or`);
    expect(stderr).toMatch(/^ {2}2\. Or unset LIBTORCH/m);
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
    const own = JSON.parse(readFileSync(join(dirname(ADDON), '..', 'libtorch.json'), 'utf8')) as object;
    writeFileSync(join(folder, name, 'libtorch.json'), JSON.stringify({ ...own, ...record }));
    return path;
  }

  const doctor = (path: string, environment: Readonly<Record<string, string>> = {}) =>
    failure(['train', 'erm', '--data', folder, '--out', join(folder, 'out')], 'NATIVE_LOAD_FAILED', {
      ...{ SPURMEM_ADDON: path, LD_LIBRARY_PATH: undefined },
      ...environment,
    });
  // A function of libtorch's that the addon calls.
  const symbol = /_ZN2at4_ops\d+\w+4callE\w*/;
  const otherSymbol = (found: string): string => `${found.slice(0, -1)}${found.endsWith('q') ? 'r' : 'q'}`;

  it('of another version: says which one it was built with, and which one lies there', async () => {
    const message = await doctor(changed('version', symbol, otherSymbol, { version: '2.5.1' }));
    expect(message).toContain('Built against libtorch 2.5.1 in /usr (Debian\u2019s libtorch-dev).');
    expect(message).toMatch(
      /1\. \/usr holds libtorch 2\.\d+\.\d+ now, and the addon was built with 2\.5\.1: rebuild/,
    );
  });

  it('of another C++ ABI', async () => {
    const message = await doctor(changed('abi', symbol, otherSymbol, { cxx11Abi: false }));
    expect(message).toMatch(
      /1\. \/usr has the C\+\+11 ABI now, and the addon was built with the C\+\+ ABI of GCC before 5: rebuild/,
    );
  });

  it('where LD_LIBRARY_PATH may bring another libtorch', async () => {
    const message = await doctor(changed('shadowed', symbol, otherSymbol), { LD_LIBRARY_PATH: '/nowhere' });
    expect(message).toMatch(/1\. LD_LIBRARY_PATH is \/nowhere, which may bring another libtorch first/);
  });

  it('with CUDA where there is no driver', async () => {
    const message = await doctor(changed('driver', 'libtorch.so.2.6', () => 'libcuda.so.1.23'));
    expect(message).toMatch(/1\. libcuda\.so\.1\.23 is part of NVIDIA\u2019s driver/);
    expect(message).toMatch(/2\. Or build against a libtorch for CPUs/);
  });

  it('whose libtorch was removed', async () => {
    const gone = { root: '/gone', version: '2.9.0' };
    const message = await doctor(changed('gone', 'libtorch.so.2.6', () => 'libtorch.so.9.9', gone));
    expect(message).toMatch(
      /1\. libtorch\.so\.9\.9 was in \/gone, which is no longer there: install that libtorch again \(2\.9\.0\)/,
    );
  });
});
