import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SpurmemError } from '../../src/errors.js';
import { ownEnvironment } from '../../src/native/findLibtorch.js';
import {
  ensureEnvironment,
  noRoom,
  TEST_PACKAGES,
  TORCH_PACKAGES,
} from '../../src/native/torchEnvironment.js';
import { spurmem } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const cache = join(folder, 'cache');
const environment = { ...process.env };

beforeEach(() => {
  process.env = { ...environment, XDG_CACHE_HOME: cache };
});

afterEach(() => {
  process.env = environment;
});

test('an environment that is whole is taken as it is', async () => {
  const own = ownEnvironment();
  const root = join(own, 'lib', 'python3.11', 'site-packages', 'torch');
  for (const [path, content] of [
    [join(root, 'lib', 'libtorch_cpu.so'), ''],
    [join(root, 'version.py'), "__version__ = '2.15.0+cu132'\n"],
    [join(own, 'spurmem.json'), JSON.stringify([...TORCH_PACKAGES, ...TEST_PACKAGES])],
  ] as const) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  const said: string[] = [];
  const options = { onInfo: (text: string) => said.push(text) };
  const libtorch = await ensureEnvironment([...TORCH_PACKAGES, ...TEST_PACKAGES], options);
  expect(libtorch).toMatchObject({ root, version: '2.15.0', python: join(own, 'bin', 'python') });
  expect(said).toEqual([]);
});

// pip itself, which is told to ask nobody.
test('without a network, what was left half done is removed, and the message says what to install by hand', async () => {
  const other = join(folder, 'without network');
  const half = join(other, 'spurmem', 'torch-2.15.0', 'half');
  mkdirSync(dirname(half), { recursive: true });
  writeFileSync(half, '');
  const { exitCode, stderr } = await spurmem(['build'], {
    ...{ XDG_CACHE_HOME: other, LIBTORCH: undefined, PIP_NO_INDEX: '1', PIP_FIND_LINKS: undefined },
    ...{ SPURMEM_ADDON: undefined, PYTHONPATH: undefined },
  });
  if (exitCode === 0) {
    // The active Python has PyTorch, or Debian's is installed: nothing is to be installed here.
    expect(stderr).toBe('');
    return;
  }
  expect(stderr).toMatch(
    /^pip will download torch 2\.15\.0 .*, about 3 GB, and install it into .*, 5\.5 GB\.$/m,
  );
  expect(stderr).toContain('No matching distribution found for torch==2.15.0');
  expect(stderr).toMatch(
    /^PyTorch could not be installed\. pip could not install torch==2\.15\.0; what it says is above\..*By hand: pip install/m,
  );
  expect(existsSync(half)).toBe(false);
});

test('too small a disk is said before anything is downloaded', () => {
  const problem = noRoom('/cache', 8.4e9) as SpurmemError;
  expect(problem.code).toBe('INSTALL_FAILED');
  expect(problem.message).toMatch(/\/cache has 8\.4 GB free, and it takes 8\.5 GB: .*XDG_CACHE_HOME/);
  expect(noRoom('/cache', 8.6e9)).toBeUndefined();
});
