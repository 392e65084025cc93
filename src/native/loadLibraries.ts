// Loads libtorch's libraries by their whole paths. A wheel's lie in a folder that the system's loader does not know; once they
// are loaded, an addon that needs them by name is given these.
import { constants } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.js';
import { DEBIAN, libraryFolder, type Libtorch } from './libtorch.js';

/** A flag of dlfcn.h that Node's constants leave out: the library stays, though Node closes what is no addon. */
const RTLD_NODELETE = 0x1000;

/** Loads a libtorch's libraries into this process; the system finds Debian's. Throws an Error with the loader's message. */
export function loadLibtorch({ root, cuda }: Pick<Libtorch, 'root' | 'cuda'>): void {
  if (root === DEBIAN) return;
  // Without a driver, CUDA's libraries would take 0.4 GB for nothing; the other ones need none of them.
  const needed = cuda !== null && !hasNvidiaDriver() ? 'libtorch_cpu.so' : 'libtorch.so';
  const failure = loadLibrary(join(libraryFolder(root), needed));
  if (failure !== undefined) throw new Error(failure);
}

/** Whether NVIDIA's driver, which a libtorch with CUDA computes through, is installed. */
function hasNvidiaDriver(): boolean {
  return loadLibrary('libcuda.so.1') === undefined;
}

/** Loads a library that is no addon, which Node reports once it has done so. Returns the loader's message where it does not load. */
function loadLibrary(path: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_LAZY | RTLD_NODELETE);
  } catch (error) {
    const message = messageOf(error);
    return message.includes('did not self-register') ? undefined : message;
  }
  return undefined;
}
