import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf, SpurmemError } from '#src/errors.js';
import { addonInUse } from '#src/native/addon.js';

const MODULES = ['torch', 'torchvision', 'safetensors'] as const;

/** The Python that has PyTorch: SPURMEM_PYTHON, or the one whose libtorch the addon computes with. */
export function pythonPath(): string {
  const chosen = process.env.SPURMEM_PYTHON;
  return chosen === undefined || chosen === '' ? (addonInUse().libtorch.python ?? 'python3') : chosen;
}

/** A PyTorch side, of python/. */
export function sideScript(name: string): string {
  return fileURLToPath(new URL(`../python/${name}.py`, import.meta.url));
}

/** A script of scripts/reference/. */
export function referenceScript(name: string): string {
  return fileURLToPath(new URL(`../../scripts/reference/${name}.py`, import.meta.url));
}

/**
 * Returns the version of PyTorch that cases are compared with.
 *
 * @throws `PYTORCH_MISSING` when that Python does not start or lacks a module
 */
export async function pytorchVersion(): Promise<string> {
  const python = pythonPath();
  const script = `import ${MODULES.join(', ')}; print(torch.__version__)`;
  try {
    const { stdout } = await promisify(execFile)(python, ['-c', script]);
    return stdout.trim();
  } catch (error) {
    throw new SpurmemError('PYTORCH_MISSING', missing(python, lastLine(error)), { cause: error });
  }
}

/** The last line of a traceback, which says what is wrong. */
function lastLine(error: unknown): string {
  return messageOf(error).trimEnd().split('\n').at(-1) ?? '';
}

function missing(python: string, reason: string): string {
  const whence = python === process.env.SPURMEM_PYTHON ? 'SPURMEM_PYTHON names it' : 'the default';
  return [
    `The benchmark compares with PyTorch, and ${python} (${whence}) has none that works.`,
    `  Reason: ${reason}`,
    '  1. In a checkout, scripts/setup.sh test installs all of it. Or install the missing modules: pip install torch torchvision safetensors (Debian 13: apt-get install python3-torch python3-torchvision python3-safetensors).',
    `  2. If another Python has ${MODULES.join(', ')}, set SPURMEM_PYTHON to its path.`,
    '  3. `npm run bench` without options lists the cases; cases without a rival need no PyTorch.',
  ].join('\n');
}
