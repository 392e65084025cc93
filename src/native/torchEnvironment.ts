// Installs PyTorch into a virtual environment in the user's cache, for machines that have none.
import { existsSync, readFileSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce } from '../buildOnce.js';
import { SpurmemError } from '../errors.js';
import { makeFolder, writeAtomic } from '../files.js';
import type { JobOptions } from '../progress.js';
import { userCache } from '../userCache.js';
import { ENVIRONMENT_RECORD, ownEnvironment, ownPlace, PINNED_TORCH, pythonOf } from './findLibtorch.js';
import type { Libtorch } from './libtorch.js';
import { hasProgram, runProgram } from './programs.js';

/** The packages of computing. */
export const TORCH_PACKAGES: readonly string[] = [`torch==${PINNED_TORCH}`];

/** Packages that the tests and benchmarks compare with. */
export const TEST_PACKAGES: readonly string[] = [
  'numpy==2.4.6',
  'torchvision==0.29.2',
  'timm==1.0.31',
  'safetensors==0.8.0',
  'tensorboard==2.21.0',
];

/** The sizes of torch and its dependencies, most of it CUDA's libraries; measured with pip on x64. */
const DOWNLOAD_GB = 3;
const UNPACKED_GB = 5.5;

const TASK = 'installing PyTorch';

/**
 * Creates the environment, or adds the packages that it lacks. One that a killed call left incomplete is made anew. Several calls at once,
 * also of other processes, install it once.
 *
 * @param packages as pip takes them
 * @throws SpurmemError `INSTALL_FAILED` without Python, a network, or room on the disk
 */
export async function ensureEnvironment(
  packages: readonly string[],
  { onInfo, signal }: JobOptions = {},
): Promise<Libtorch> {
  const environment = ownEnvironment();
  // Its lock lies beside it, where a half-made environment can be removed.
  const lockFolder = join(userCache(), 'installing');
  await makeFolder(lockFolder);
  return buildOnce(
    lockFolder,
    {
      task: TASK,
      ready: () => Promise.resolve(installedIn(environment, packages)),
      waits: () => {
        onInfo?.(`Another process is ${TASK} into ${environment}. Waiting for it.`);
      },
      build: async () => {
        await install(environment, packages, { onInfo, signal });
        const libtorch = installedIn(environment, packages);
        if (libtorch === undefined) throw failed(`pip has put no torch into ${environment}.`);
        return libtorch;
      },
    },
    signal,
  );
}

/** The environment's libtorch, where all of these packages were installed. */
function installedIn(environment: string, packages: readonly string[]): Libtorch | undefined {
  const has = recordOf(environment);
  return packages.every((name) => has.includes(name)) ? ownPlace().found : undefined;
}

/** The packages that were installed; none where a set-up did not come to its end. */
function recordOf(environment: string): string[] {
  try {
    const record = JSON.parse(readFileSync(join(environment, ENVIRONMENT_RECORD), 'utf8')) as unknown;
    return Array.isArray(record) ? record.map(String) : [];
  } catch {
    return [];
  }
}

async function install(environment: string, packages: readonly string[], control: JobOptions): Promise<void> {
  const { onInfo, signal } = control;
  const isWhole = installedIn(environment, []) !== undefined;
  const has = isWhole ? recordOf(environment) : [];
  const tool = hasProgram('uv') ? 'uv' : 'pip';
  if (has.length === 0) {
    const { bavail, bsize } = await statfs(userCache());
    const problem = noRoom(userCache(), bavail * bsize);
    if (problem !== undefined) throw problem;
    onInfo?.(
      `${tool} will download torch ${PINNED_TORCH} with CUDA\u2019s libraries, about ${DOWNLOAD_GB} GB, and install it into ${environment}, ${UNPACKED_GB} GB.`,
    );
    // An earlier call was stopped before its end.
    await rm(environment, { recursive: true, force: true });
    await makeEnvironment(environment, signal);
  } else {
    onInfo?.(
      `${tool} will add ${packages.filter((name) => !has.includes(name)).join(', ')} to ${environment}.`,
    );
  }
  const wanted = [...new Set([...has, ...packages])];
  // There while packages are added: a call that is killed meanwhile leaves what neither tool can mend.
  const marker = join(environment, 'adding');
  const wasCutOff = existsSync(marker);
  await writeAtomic(marker, '');
  const [program, ...pip] = tool === 'uv' ? ['uv', 'pip'] : [pythonOf(environment), '-m', 'pip'];
  const code = await runProgram(program, [...pip, 'install', ...wanted], {
    task: TASK,
    signal,
    env: { VIRTUAL_ENV: environment, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
  });
  if (code !== 0 && isWhole && wasCutOff) {
    await rm(environment, { recursive: true, force: true });
    return install(environment, packages, control);
  }
  await rm(marker, { force: true });
  if (code !== 0) {
    const problem = `${tool} could not install ${wanted.join(', ')}; what it says is above.`;
    throw failed(
      problem,
      isWhole ? [`${environment} is kept as it is; delete it to install all of it anew.`] : [],
    );
  }
  await writeAtomic(join(environment, ENVIRONMENT_RECORD), JSON.stringify(wanted));
}

async function makeEnvironment(environment: string, signal: AbortSignal | undefined): Promise<void> {
  const uv = hasProgram('uv');
  const python = hasProgram('python3') ? 'python3' : 'python';
  const [program, ...args] = uv ? ['uv', 'venv'] : [python, '-m', 'venv'];
  const code = await runProgram(program, [...args, environment], { task: TASK, signal });
  if (code === 0) return;
  await rm(environment, { recursive: true, force: true });
  throw failed(
    code === undefined
      ? 'There is no python3, which installs it.'
      : `${uv ? 'uv venv' : 'python3 -m venv'} failed; what it says is above. On Debian: apt-get install python3-venv.`,
  );
}

/** The error of a folder that has so many bytes free; undefined where they are enough. */
export function noRoom(folder: string, free: number): SpurmemError | undefined {
  // pip keeps what it downloads in the user's cache, too.
  const needed = DOWNLOAD_GB + UNPACKED_GB;
  if (free >= needed * 1e9) return undefined;
  return failed(
    `${folder} has ${(free / 1e9).toFixed(1)} GB free, and it takes ${needed} GB: ${UNPACKED_GB} for PyTorch with CUDA\u2019s libraries, and ${DOWNLOAD_GB} while they are downloaded.`,
    ['Make room, or name a folder on another disk in XDG_CACHE_HOME.'],
  );
}

function failed(problem: string, advice: readonly string[] = []): SpurmemError {
  return new SpurmemError('INSTALL_FAILED', `PyTorch could not be installed. ${problem}`, {
    advice: [
      ...advice,
      `By hand: pip install ${TORCH_PACKAGES.join(' ')} (for the tests also ${TEST_PACKAGES.join(' ')}) into a virtual environment, and activate it; or name a wheel\u2019s torch folder or an unpacked libtorch zip in LIBTORCH.`,
    ],
  });
}
