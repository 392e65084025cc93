// Finds libtorch: the folder that LIBTORCH names (a libtorch zip or a pip wheel's torch folder), else the torch package of
// python3 where it has headers, else Debian's libtorch-dev. For CMakeLists.txt, binding.gyp and setup.sh:
//
//   node scripts/libtorch.cjs root           its folder, nothing for Debian's
//   node scripts/libtorch.cjs describe       a line for people
//   node scripts/libtorch.cjs python         the Python whose torch it is
//   node scripts/libtorch.cjs json           what it is
//   node scripts/libtorch.cjs record FILE    the same into a file, for the addon that is built against it
//   node scripts/libtorch.cjs include|defines|standard|ldflags|libraries    for the compiler and the linker
'use strict';
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');

const DEBIAN = '/usr';

function isLibtorch(root) {
  const needed = ['include/ATen/ATen.h', ...(root === DEBIAN ? [] : ['share/cmake/Torch/TorchConfig.cmake'])];
  return needed.every((path) => existsSync(join(root, path)));
}

function find() {
  const named = process.env.LIBTORCH;
  if (named) {
    if (!isLibtorch(named)) {
      fail([
        `LIBTORCH names ${named}, which has no include/ATen/ATen.h or no share/cmake/Torch/TorchConfig.cmake.`,
        '  1. Name the folder that holds include/, lib/ and share/: that of a libtorch zip, or the torch folder of a pip wheel',
        '     (python3 -c "import torch; print(torch.__path__[0])").',
        '  2. Or unset LIBTORCH, to take the torch package of python3 or Debian’s libtorch-dev.',
      ]);
    }
    return { root: resolve(named), source: 'LIBTORCH' };
  }
  const wheel = packageOfPython();
  if (wheel !== undefined) return { root: wheel, source: 'the torch package of python3' };
  if (isLibtorch(DEBIAN)) return { root: DEBIAN, source: 'Debian’s libtorch-dev' };
  return fail([
    'There is no libtorch here: LIBTORCH is not set, python3 has no torch package with headers, and libtorch-dev is not installed.',
    '  1. On Debian 13 or newer: apt-get install libtorch-dev libopenblas0-openmp',
    '  2. Elsewhere: pip install torch, or unpack a libtorch zip and name its folder in LIBTORCH.',
  ]);
}

/** Debian's python3-torch has no headers, and its libraries are those of libtorch-dev. */
function packageOfPython() {
  const code =
    'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")';
  // From another folder, so that nothing here is taken for a module.
  const { status, stdout } = spawnSync('python3', ['-c', code], { encoding: 'utf8', cwd: '/' });
  const path = status === 0 ? stdout.trim() : '';
  return path !== '' && isLibtorch(path) ? path : undefined;
}

function fail(lines) {
  console.error(lines.join('\n'));
  process.exit(1);
}

/** What the headers and TorchConfig.cmake say. */
function detailsOf({ root, source }) {
  const include = join(root, 'include');
  const headers = ['torch/headeronly', 'torch/csrc/api/include/torch', 'torch']
    .map((folder) => join(include, folder, 'version.h'))
    .filter(existsSync)
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  const number = (part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(headers)?.[1];
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(number);
  if (numbers.includes(undefined)) {
    fail([
      `${root} holds a libtorch whose headers tell no version: none was found in torch/headeronly/version.h or torch/version.h.`,
    ]);
  }
  const version = numbers.join('.');
  const config = join(root, 'share/cmake/Torch/TorchConfig.cmake');
  const abi = /_GLIBCXX_USE_CXX11_ABI=(\d)/.exec(existsSync(config) ? readFileSync(config, 'utf8') : '')?.[1];
  return {
    ...{ root, source, version },
    // Before 2.7, pip's wheels have the strings and lists of GCC before 5.
    cxx11Abi: abi !== '0',
    cuda: existsSync(join(root, 'lib/libtorch_cuda.so')),
  };
}

/** The folder of CUDA's headers: those of CUDA_HOME, of the system, or of the wheels that a wheel of PyTorch comes with. */
function cudaHeaders(root) {
  const folders = [
    ...(process.env.CUDA_HOME ? [join(process.env.CUDA_HOME, 'include')] : []),
    '/usr/local/cuda/include',
    ...['cu13', 'cuda_runtime'].map((name) => join(root, '..', 'nvidia', name, 'include')),
  ];
  return folders.find((folder) => existsSync(join(folder, 'cuda_runtime_api.h')));
}

const found = detailsOf(find());
const { root, source, version, cxx11Abi, cuda } = found;
const include = join(root, 'include');
const ofCuda = cuda ? cudaHeaders(root) : undefined;
const isDebian = root === DEBIAN;
const [, , question, file] = process.argv;
const answers = {
  root: () => [isDebian ? '' : root],
  describe: () => [
    `libtorch ${version}${cuda ? ' with CUDA' : ''}: ${isDebian ? source : `${root} (${source})`}`,
  ],
  python: () => [isDebian ? '/usr/bin/python3' : 'python3'],
  json: () => [JSON.stringify(found, null, 2)],
  record: () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
    return [];
  },
  include: () => [include, join(include, 'torch/csrc/api/include'), ...(ofCuda ? [ofCuda] : [])],
  // Its ABI of strings and lists, and whether what only CUDA has can be compiled.
  defines: () => [`_GLIBCXX_USE_CXX11_ABI=${cxx11Abi ? 1 : 0}`, ...(ofCuda ? ['SPURMEM_CUDA'] : [])],
  // Its headers' standard of C++.
  standard: () => [Number(version.split('.')[1]) >= 10 || Number(version.split('.')[0]) > 2 ? '20' : '17'],
  ldflags: () => [
    '-Wl,--no-as-needed',
    ...(isDebian ? [] : [`-L${join(root, 'lib')}`, `-Wl,-rpath,${join(root, 'lib')}`]),
  ],
  libraries: () => ['-ltorch', '-ltorch_cpu', '-lc10', ...(cuda ? ['-ltorch_cuda', '-lc10_cuda'] : [])],
};
for (const line of (answers[question] ?? (() => fail([`Unknown question: ${question}`])))())
  console.log(line);
