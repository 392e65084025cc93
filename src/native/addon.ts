import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { messageOf, SpurmemError } from '../errors.js';
import {
  buildRecord,
  checkoutAddon,
  compiledAddon,
  loadAdvice,
  loadLibtorch,
  notBuilt,
  platformProblem,
  PREBUILDS,
  prebuiltAddon,
  tryAddon,
} from './addonFiles.js';
import type { Addon, ImageDecoders, Tensor } from './interface.js';
import { findLibtorch, type Libtorch } from './libtorch.js';

/** An addon's file, and the libtorch that it computes with. */
interface AddonFile {
  readonly path: string;
  readonly libtorch: Libtorch;
}

let loaded: (AddonFile & { readonly addon: Addon }) | undefined;

/** The addon, loaded at first use, so that nothing loads libtorch before it is needed. Throws `NATIVE_LOAD_FAILED`. */
export function native(): Addon {
  return addonInUse().addon;
}

/** The addon with its file and its libtorch. Throws `NATIVE_LOAD_FAILED`. */
export function addonInUse(): AddonFile & { readonly addon: Addon } {
  if (loaded === undefined) {
    const file = findAddon();
    loaded = { ...file, addon: loadAddon(file.path, file.libtorch) };
  }
  return loaded;
}

/**
 * The addon that SPURMEM_ADDON names, else that of the checkout's build, else, for this machine's libtorch, that of `spurmem build` or
 * of the package.
 *
 * @throws SpurmemError `NATIVE_LOAD_FAILED` if there is none, `LIBTORCH_UNUSABLE` without a libtorch
 */
function findAddon(): AddonFile {
  const problem = platformProblem();
  if (problem !== undefined) throw new SpurmemError('NATIVE_LOAD_FAILED', problem);
  const { SPURMEM_ADDON: named = '' } = process.env;
  if (named !== '' && !existsSync(named)) {
    throw new SpurmemError(
      'NATIVE_LOAD_FAILED',
      `The environment variable SPURMEM_ADDON names ${resolve(named)}, which does not exist. Unset it to use the addon that was built here, or set it to the path of a spurmem.node.`,
    );
  }
  const path = named === '' ? checkoutAddon() : resolve(named);
  if (path !== undefined) return { path, libtorch: buildRecord(path) ?? findLibtorch() };
  const libtorch = findLibtorch();
  return { path: compiledAddon(libtorch) ?? workingPrebuild(libtorch), libtorch };
}

/** The package's addon for a libtorch, tried with it. */
function workingPrebuild(libtorch: Libtorch): string {
  const path = prebuiltAddon(libtorch);
  if (path === undefined) throw new SpurmemError('NATIVE_LOAD_FAILED', notBuilt(libtorch));
  const problem = tryAddon(path, libtorch);
  if (problem === undefined) return path;
  throw new SpurmemError('NATIVE_LOAD_FAILED', notBuilt(libtorch, { path, problem }));
}

/** Loads the addon of a file with a libtorch. Throws `NATIVE_LOAD_FAILED`. */
export function loadAddon(path: string, libtorch: Libtorch): Addon {
  quietUcx();
  boundSpinning();
  let addon: Addon;
  try {
    loadLibtorch(libtorch);
    addon = createRequire(import.meta.url)(path) as Addon;
    if (typeof (addon as Partial<Addon>).createNetwork !== 'function')
      throw new TypeError('it is another module, not spurmem\u2019s addon');
  } catch (error) {
    const advice = loadAdvice(path, libtorch, messageOf(error));
    throw new SpurmemError('NATIVE_LOAD_FAILED', advice, { cause: error });
  }
  // libtorch must not be torn down under a running kernel, and process.exit() runs no hook of the addon's.
  process.once('exit', () => {
    addon.shutDown();
  });
  Object.defineProperty(addon.Tensor.prototype, Symbol.dispose, {
    configurable: true,
    value(this: Tensor) {
      this.dispose();
    },
  });
  return addon;
}

/**
 * Debian's libtorch brings Open MPI and with it UCX, which patches the process's memory functions as it is loaded. Node's
 * threads are running by then, and about one start in a hundred crashed on a busy machine. It also takes signals from the process:
 * SIGHUP, which a closed terminal sends, for debugging, and those of crashes.
 */
function quietUcx(): void {
  process.env.UCX_DEBUG_SIGNO ??= '0';
  process.env.UCX_HANDLE_ERRORS ??= 'none';
  process.env.UCX_MEM_EVENTS ??= 'n';
  process.env.UCX_MEM_MMAP_HOOK_MODE ??= 'none';
}

/**
 * OpenMP's threads wait for one another by spinning. If another process has a core, they spin for a thread without one, and a training step takes
 * several times as long. 1000 turns cost nothing alone (docs/benchmarks.md). libgomp reads this when it is loaded.
 */
function boundSpinning(): void {
  if (process.env.OMP_WAIT_POLICY === undefined) process.env.GOMP_SPINCOUNT ??= '1000';
}

/**
 * Loads libjpeg-turbo and libspng if present: the package's, next to its addons, else the system's.
 * `SPURMEM_DECODERS=off` leaves all images to sharp. Throws `NATIVE_LOAD_FAILED`.
 */
export function loadDecoders(): ImageDecoders {
  const folder = join(PREBUILDS, 'decoders', `${process.platform}-${process.arch}`);
  const places = (name: string): string[] => {
    if (process.env.SPURMEM_DECODERS === 'off') return [];
    return [join(folder, name), name].filter((path) => path === name || existsSync(path));
  };
  return native().loadDecoders(places('libturbojpeg.so.0'), places('libspng.so.0'));
}
