// Finds the libtorch that an addon is built against and computes with: the first of a list of places that has one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SpurmemError } from '../errors.js';
import { makeFolder, writeAtomic } from '../files.js';
import { userCache } from '../userCache.js';
import {
  compareVersions,
  DEBIAN,
  filesOf,
  hasHeaders,
  type Libtorch,
  minorOf,
  NEWEST_LIBTORCH,
  OLDEST_LIBTORCH,
  readLibtorch,
  versionAndFolder,
} from './libtorch.js';

/** The version of PyTorch that is installed where there is none. */
export const PINNED_TORCH = '2.15.0';

/** A place that a libtorch may be found in. */
export interface Place {
  readonly name: string;
  readonly found: Libtorch | undefined;
  /** Its content in words. */
  readonly says: string;
}

/** The file that holds the folder of the option `libtorch` of `spurmem build`. */
const chosenFile = (): string => join(userCache(), 'libtorch');

/** The virtual environment of this package's own, which all checkouts and installations share. */
export function ownEnvironment(): string {
  return join(userCache(), `torch-${PINNED_TORCH}`);
}

/** The list of the packages of an environment, which says that it is complete. */
export const ENVIRONMENT_RECORD = 'spurmem.json';

export function pythonOf(environment: string): string {
  return join(environment, 'bin', 'python');
}

/**
 * The first libtorch in the order of `places`; undefined where there is none.
 *
 * @param named the folder that LIBTORCH names, or another one in its place
 * @param forBuild whether one without headers is passed over, as Debian's without libtorch-dev is
 * @throws SpurmemError `LIBTORCH_UNUSABLE` where the first one is too old, or a folder that was named holds none
 */
export function firstLibtorch(named = process.env.LIBTORCH, forBuild = false): Libtorch | undefined {
  for (const { found } of places(named)) {
    if (found === undefined || (forBuild && !hasHeaders(found.root))) continue;
    if (compareVersions(minorOf(found.version), OLDEST_LIBTORCH) < 0) throw tooOld(found);
    return found;
  }
  return undefined;
}

/** As `firstLibtorch`; throws `LIBTORCH_UNUSABLE` where there is none, too. */
export function findLibtorch(named = process.env.LIBTORCH, forBuild = false): Libtorch {
  const found = firstLibtorch(named, forBuild);
  if (found !== undefined) return found;
  throw new SpurmemError(
    'LIBTORCH_UNUSABLE',
    [
      'No PyTorch was found here, whose libtorch computes: LIBTORCH is not set, the active Python has no torch, and Debian\u2019s libtorch is not installed.',
      '  1. Install it into the Python that is active: pip install torch',
      `  2. Or let npx spurmem build install torch ${PINNED_TORCH} into an environment of its own (3 GB to download).`,
      '  3. Or name a folder in LIBTORCH: that of a libtorch zip, or a wheel\u2019s torch folder.',
      '  4. On Debian 13: apt-get install libtorch2.6 libopenblas0-openmp',
    ].join('\n'),
  );
}

/** The places of a libtorch, in this order, each looked at when it is asked for. */
export function* places(named = process.env.LIBTORCH): Generator<Place> {
  if (named !== undefined && named !== '') {
    yield placeOf('LIBTORCH', namedLibtorch(named, 'LIBTORCH'));
    return;
  }
  const chosen = chosenLibtorch();
  if (chosen === undefined) {
    yield { name: 'LIBTORCH', found: undefined, says: 'not set' };
  } else {
    yield placeOf('the folder that was built against last', namedLibtorch(chosen, 'spurmem build'));
  }
  yield activePython();
  const debian = readLibtorch(DEBIAN);
  const name = 'Debian\u2019s libtorch';
  const found = debian && { ...debian, root: DEBIAN, source: name, python: pythonBeside(DEBIAN) };
  yield { name, found, says: debian?.version ?? 'not installed' };
  yield ownPlace();
}

/** Takes a folder from now on, also where LIBTORCH is not set; or none. Throws `LIBTORCH_UNUSABLE` where it holds no libtorch. */
export async function chooseLibtorch(root: string | undefined): Promise<void> {
  if (root === undefined) return rm(chosenFile(), { force: true });
  const { root: folder } = namedLibtorch(root, 'libtorch');
  await makeFolder(userCache());
  await writeAtomic(chosenFile(), folder);
}

/** The folder that the last build was given; undefined where it was given none. */
function chosenLibtorch(): string | undefined {
  try {
    const chosen = readFileSync(chosenFile(), 'utf8').trim();
    return chosen === '' ? undefined : chosen;
  } catch {
    return undefined;
  }
}

/** The libtorch of a folder that somebody has named. Throws `LIBTORCH_UNUSABLE` where there is none. */
function namedLibtorch(named: string, source: 'LIBTORCH' | 'libtorch' | 'spurmem build'): Libtorch {
  const root = resolve(named);
  const content = readLibtorch(root);
  if (content === undefined) {
    const [who, otherwise] = {
      LIBTORCH: ['LIBTORCH names', 'Or unset LIBTORCH, and the torch of the active Python is taken.'],
      libtorch: ['`libtorch` is', 'Or leave it out, and the torch of the active Python is taken.'],
      'spurmem build': ['spurmem build was last told to take', 'Or run npx spurmem build again.'],
    }[source];
    throw new SpurmemError(
      'LIBTORCH_UNUSABLE',
      [
        `${who} ${named}, which is no libtorch: it has no lib/libtorch_cpu.so, or tells no version.`,
        '  1. Name the folder that holds include/ and lib/: that of a libtorch zip, or the torch folder of a wheel',
        '     (python3 -c "import torch; print(torch.__path__[0])").',
        `  2. ${otherwise}`,
      ].join('\n'),
    );
  }
  return { root, source, ...content, python: pythonBeside(root) };
}

/** The Python of the environment that a wheel's torch folder lies in: <environment>/lib/python3.N/site-packages/torch. */
function pythonBeside(root: string): string | null {
  if (root === DEBIAN) return '/usr/bin/python3';
  const python = pythonOf(resolve(root, '..', '..', '..', '..'));
  return existsSync(join(root, '__init__.py')) && existsSync(python) ? python : null;
}

/** The torch of the Python that `python3`, or else `python`, starts: that of a venv, of conda or of pyenv. */
function activePython(): Place {
  const name = 'torch of the active Python';
  const nothing = (says: string): Place => ({ name, found: undefined, says });
  // From the sources on: a folder of that name where the user stands is no torch.
  const code = [
    'import sys',
    'sys.path = [path for path in sys.path if path]',
    'import importlib.util',
    'spec = importlib.util.find_spec("torch")',
    'print(sys.executable)',
    'print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "")',
  ].join('\n');
  for (const program of ['python3', 'python']) {
    const { status, stdout } = spawnSync(program, ['-c', code], { encoding: 'utf8', env: process.env });
    if (status !== 0) continue;
    const [python = '', root = ''] = stdout.split('\n');
    if (root === '') return nothing(`${python} has no torch`);
    const content = readLibtorch(root);
    // Debian's python3-torch lies over Debian's libtorch, which has a place of its own.
    if (content === undefined) return nothing(`${root} brings no libtorch`);
    return placeOf(name, { root, source: name, ...content, python });
  }
  return nothing('no python3');
}

/** The environment of this package's own. */
export function ownPlace(): Place {
  const name = 'spurmem\u2019s own environment';
  const environment = ownEnvironment();
  if (!existsSync(environment)) return { name, found: undefined, says: `${environment} is not set up` };
  const [python = ''] = filesOf(join(environment, 'lib')).filter((folder) => folder.startsWith('python3'));
  const root = join(environment, 'lib', python, 'site-packages', 'torch');
  const content = readLibtorch(root);
  if (content === undefined || !existsSync(join(environment, ENVIRONMENT_RECORD))) {
    return { name, found: undefined, says: `${environment} is not complete: npx spurmem build` };
  }
  return placeOf(name, { root, source: name, ...content, python: pythonOf(environment) });
}

function placeOf(name: string, found: Libtorch): Place {
  return { name, found, says: versionAndFolder(found) };
}

function tooOld({ version, root, source }: Libtorch): SpurmemError {
  return new SpurmemError(
    'LIBTORCH_UNUSABLE',
    [
      `PyTorch ${version} in ${root} (${source}) is too old: ${OLDEST_LIBTORCH} or newer is needed.`,
      '  1. Install a newer one there: pip install -U torch',
      '  2. Or name another libtorch in LIBTORCH.',
    ].join('\n'),
  );
}

/** The warning of a libtorch that is newer than all that were tested; undefined for the others. */
export function newerThanTested({ version }: Pick<Libtorch, 'version'>): string | undefined {
  if (compareVersions(minorOf(version), NEWEST_LIBTORCH) <= 0) return undefined;
  return `PyTorch ${version} is newer than ${NEWEST_LIBTORCH}, the newest that spurmem was tested with.`;
}
