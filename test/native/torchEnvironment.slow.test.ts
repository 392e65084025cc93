import { spawnSync } from 'node:child_process';
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
import { ROOT } from '../cli/support.js';
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
test('without a network, what was left half done is removed, and the message says what to install by hand', () => {
  const other = join(folder, 'without network');
  const half = join(other, 'spurmem', 'torch-2.15.0', 'half');
  mkdirSync(dirname(half), { recursive: true });
  writeFileSync(half, '');
  // Whatever PyTorch this machine has: only the installing is called.
  const code = `
    import { ensureEnvironment, TORCH_PACKAGES } from ${JSON.stringify(join(ROOT, 'dist/native/torchEnvironment.js'))};
    await ensureEnvironment(TORCH_PACKAGES, { onInfo: console.error }).catch(({ message }) => console.error(message));`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { ...process.env, XDG_CACHE_HOME: other, PIP_NO_INDEX: '1', PIP_FIND_LINKS: undefined },
  });
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
