// Prints where libtorch is and the flags for compiling against it: for CMakeLists.txt, binding.gyp and setup.sh, after
// `npm run build:package`. It is the one that `spurmem doctor` shows.
//
//   node scripts/libtorch.mjs describe       a line for people
//   node scripts/libtorch.mjs source         `Debian`, `other`, or nothing if there is none
//   node scripts/libtorch.mjs ensure [gpu|test]  installs PyTorch if there is none (or none for GPUs, or with the tests' modules);
//                                            prints its folder if it is not the one found by default
//   node scripts/libtorch.mjs python         the Python whose torch it is
//   node scripts/libtorch.mjs prebuilt       the addon of prebuilds/ that fits, if made from these sources
//   node scripts/libtorch.mjs record FILE    records it for the addon that is built against it
//   node scripts/libtorch.mjs unity FOLDER    writes files that include six sources each, as CMake does, and prints them
//   node scripts/libtorch.mjs include|defines|standard|ldflags|libraries    for the compiler and the linker
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { prebuildName, prebuiltAddon, stalePrebuilds } from '../dist/native/addonFiles.js';
import {
  compareVersions,
  DEBIAN,
  describeLibtorch,
  findLibtorch,
  firstLibtorch,
  isForCpuAlone,
  libraryFolder,
  ownEnvironment,
  pythonOf,
} from '../dist/native/libtorch.js';

const [, , question, operand] = process.argv;
/** As `UNITY_BUILD_BATCH_SIZE` in CMakeLists.txt. */
const BATCH = 6;
/** Debian has no packages of them: tests that compare with them need an environment of ours. */
const HUB = ['timm', 'transformers', 'datasets', 'webdataset'];

/** Facts of the libtorch that an addon is built against. */
const answers = {
  describe: (libtorch) => [describeLibtorch(libtorch)],
  python: ({ python }) => [python ?? ''],
  prebuilt: (libtorch) => {
    const path = prebuiltAddon(libtorch);
    return path === undefined || stalePrebuilds().includes(prebuildName(libtorch)) ? [] : [path];
  },
  record: (libtorch) => {
    mkdirSync(dirname(operand), { recursive: true });
    writeFileSync(operand, `${JSON.stringify(libtorch, null, 2)}\n`);
    return [];
  },
  unity: () => {
    const sources = readdirSync('native', { recursive: true }).filter((file) => file.endsWith('.cpp'));
    mkdirSync(operand, { recursive: true });
    return Array.from({ length: Math.ceil(sources.length / BATCH) }, (_, i) => {
      const batch = sources.sort().slice(i * BATCH, (i + 1) * BATCH);
      const path = join(operand, `${i}.cpp`);
      writeFileSync(path, batch.map((file) => `#include "${resolve('native', file)}"\n`).join(''));
      return path;
    });
  },
  include: ({ root }) => [join(root, 'include'), join(root, 'include/torch/csrc/api/include')],
  defines: ({ cxx11Abi }) => [`_GLIBCXX_USE_CXX11_ABI=${cxx11Abi ? 1 : 0}`],
  standard: ({ version }) => [compareVersions(version, '2.10') >= 0 ? '20' : '17'],
  // No path: the libraries are loaded before the addon is (src/native/addonFiles.ts).
  ldflags: ({ root }) => (root === DEBIAN ? [] : [`-L${libraryFolder(root)}`]),
  libraries: () => ['-ltorch_cpu', '-lc10'],
};

try {
  if (question === 'ensure') {
    const { root } = await ensure(operand);
    if (root !== firstLibtorch(undefined, true)?.root) console.log(root);
  } else if (question === 'source') {
    const root = firstLibtorch(undefined, true)?.root;
    if (root !== undefined) console.log(root === DEBIAN ? 'Debian' : 'other');
  } else if (question in answers) {
    for (const line of answers[question](findLibtorch(undefined, true))) console.log(line);
  } else throw new Error(`Unknown question: ${question}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** Debian's Python and libtorch are packages that setup.sh installs; all others may be PyTorch's own environment. */
async function ensure(purpose) {
  const { ensureEnvironment, installPackages } = await import('../dist/native/install.js');
  const found = firstLibtorch(undefined, true);
  const forTests = purpose === 'test';
  const isOwn = found?.python === pythonOf(ownEnvironment());
  const missing = forTests && found ? missingModules(found.python, isOwn) : [];
  const lacksGpu = purpose === 'gpu' && isOwn && isForCpuAlone();
  if (found && missing.length === 0 && !lacksGpu) return found;
  // Other environments are not changed.
  if (found && !isOwn && (found.python === null || process.env.LIBTORCH)) {
    throw new Error(
      `The tests compare with PyTorch, and ${found.python ?? found.root} lacks ${missing.join(', ')}: install them next to torch, or unset LIBTORCH.`,
    );
  }
  if (forTests)
    console.error('The tests compare with Python\u2019s torch, which takes all of its libraries.');
  const own = await ensureEnvironment({ gpu: purpose !== undefined || undefined, onInfo: console.error });
  const packages =
    'numpy==2.4.6 torchvision==0.29.2 timm==1.0.31 safetensors==0.8.0 tensorboard==2.21.0 pandas==3.1.1 transformers==5.24.0 datasets==5.2.0 webdataset==1.0.2';
  if (forTests && missingModules(own.python, true).length > 0)
    await installPackages(ownEnvironment(), packages.split(' '));
  return own;
}

/** The modules that the tests, and torch itself, import and a Python lacks; of an environment of ours, also those of the Hugging Face Hub. */
function missingModules(python, isOwn) {
  if (python === null) return ['a Python'];
  const code =
    'import importlib.util, sys; print("\\n".join(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))';
  const { stdout } = spawnSync(
    python,
    ['-c', code, 'torch', 'sympy', 'torchvision', 'safetensors', 'numpy', 'PIL', ...(isOwn ? HUB : [])],
    {
      encoding: 'utf8',
    },
  );
  return (stdout ?? 'Python').split('\n').filter((name) => name !== '');
}
