import { existsSync, readFileSync } from 'node:fs';
import { buildRecord, cLibrary, isCheckout, prebuildNames, prebuiltAddon } from './addonFiles.js';
import { DEBIAN, describeLibtorch, type Libtorch, type LibtorchContent, readLibtorch } from './libtorch.js';

/** The reason that the addon loads on no such machine; undefined where it may. */
export function platformProblem(): string | undefined {
  const { platform, arch } = process;
  const isSupported = platform === 'linux' && (arch === 'x64' || arch === 'arm64') && cLibrary() === 'glibc';
  if (isSupported) return addressProblem();
  return `spurmem runs on Linux with glibc, on x64 and arm64. This is ${platform}-${arch}${platform === 'linux' ? ` with ${cLibrary()}` : ''}.`;
}

/** libtorch reserves so many bytes of addresses before it computes anything; with fewer the process hangs or crashes. */
const LEAST_ADDRESSES = 2.5e9;

function addressProblem(): string | undefined {
  let limits = '';
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // A system that does not say has none.
  }
  const limit = Number(/^Max address space +(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
  if (!(limit < LEAST_ADDRESSES)) return undefined;
  const [have, need] = [limit, LEAST_ADDRESSES].map((bytes) => (bytes / 1e9).toFixed(1));
  return `This process may have ${have} GB of addresses, and libtorch needs ${need} GB to begin with. Raise the limit (ulimit -v).`;
}

/** The message where SPURMEM_ADDON names a file that is not there. */
export function addonMissing(path: string): string {
  return numbered(`The environment variable SPURMEM_ADDON names ${path}, which does not exist.`, [
    'Unset SPURMEM_ADDON to use the addon that was built here.',
    'Or set it to the path of an existing spurmem.node.',
  ]);
}

/**
 * The message where a libtorch has no addon that works.
 *
 * @param path the package's prebuild for it, and the problem that trying it found
 */
export function notBuilt(libtorch: Libtorch, path: string | undefined, problem: string | undefined): string {
  const names = prebuildNames().map((name) => name.replace('libtorch-', ''));
  const brings =
    names.length === 0 ? 'the package brings none' : `the package brings some for ${names.join(', ')}`;
  const found =
    path === undefined || problem === undefined
      ? `There is no native addon for ${describeLibtorch(libtorch)} on ${process.arch}: ${brings}.`
      : [
          `The package\u2019s native addon does not work with ${describeLibtorch(libtorch)}: ${path}`,
          `  Reason: ${problem}`,
        ].join('\n');
  return numbered(found, [
    isCheckout()
      ? 'In this checkout, run scripts/setup.sh, which builds it.'
      : `Compile it, which takes minutes: npx spurmem build${libtorch.source === 'spurmem build' ? `, naming ${libtorch.root} again` : ''} (needs cmake, make and g++; a reinstall keeps it).`,
    ...(names.length > 0 && problem === undefined
      ? ['Or install a PyTorch that the package has an addon for, and activate its Python.']
      : []),
    'If it was built elsewhere, set SPURMEM_ADDON to the path of spurmem.node.',
  ]);
}

/**
 * The message where an addon does not load. It tells a missing library from one of another version or ABI.
 *
 * @param libtorch the one that was loaded for it
 * @param reason what the system says
 */
export function loadAdvice(path: string, libtorch: Libtorch, reason: string): string {
  const record = buildRecord(path);
  const lines = [
    `The native addon could not be loaded from ${path}.`,
    `  Reason: ${reason.split('\n', 1)[0] ?? ''}`,
    ...(record === undefined ? [] : [`  Built against ${describeLibtorch(record)}.`]),
  ];
  const advice = [...fixes(path, reason, record ?? libtorch), '`spurmem doctor` shows what is found.'];
  return numbered(lines.join('\n'), advice);
}

const REBUILD = `rebuild: ${isCheckout() ? 'scripts/setup.sh' : 'npx spurmem build'}`;

function fixes(path: string, reason: string, record: Libtorch): string[] {
  const missing = /(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(reason)?.[1];
  if (missing !== undefined) return missingLibrary(missing, record);
  const wanted = /version `((?:GLIBC|GLIBCXX)_[\d.]+)' not found/.exec(reason)?.[1];
  if (wanted !== undefined)
    return [`This system\u2019s C or C++ library is older than ${wanted}: ${REBUILD}.`];
  if (reason.includes('undefined symbol')) return otherLibrary(path, record);
  return [`If it was built on another machine, ${REBUILD}.`];
}

function missingLibrary(library: string, record: Libtorch): string[] {
  const { root, version } = record;
  if (root !== DEBIAN && !existsSync(root)) {
    return [
      `${library} was in ${root}, which is no longer there: install that PyTorch again (${version}).`,
      `Or activate the Python of another one, and ${REBUILD}.`,
    ];
  }
  if (/^lib(cu|nv|nccl)/.test(library)) {
    return [
      `${library} is one of CUDA\u2019s libraries, which pip installs beside torch: pip uninstall torch, then pip install torch==${version}`,
    ];
  }
  if (!/torch|c10/.test(library)) {
    return [
      `${library} was not found: install the package that has it (on Debian: apt-file search ${library}).`,
    ];
  }
  return [
    root === DEBIAN
      ? `${library} was not found: install libtorch (on Debian 13: apt-get install libtorch2.6 libopenblas0-openmp).`
      : `${library} was not found in ${root}: install that PyTorch again (${version}).`,
    `If PyTorch is installed in another version than the addon was built with, ${REBUILD}.`,
  ];
}

/** The addon names a function that the loaded libtorch does not have. */
function otherLibrary(path: string, record: Libtorch): string[] {
  const shadow = process.env.LD_LIBRARY_PATH ?? '';
  const shadowed =
    shadow === ''
      ? []
      : [
          `LD_LIBRARY_PATH is ${shadow}, which may bring another libtorch first: unset it, or name the right one first.`,
        ];
  const now = readLibtorch(record.root);
  const changed = (has: string, had: string): string[] => [
    `${record.root} ${has} now, and the addon was built with ${had}: ${REBUILD}.`,
    ...shadowed,
  ];
  if (now !== undefined && now.cxx11Abi !== record.cxx11Abi) {
    const abiOf = ({ cxx11Abi }: LibtorchContent) =>
      cxx11Abi ? 'the C++11 ABI' : 'the C++ ABI of GCC before 5';
    return changed(`has ${abiOf(now)}`, abiOf(record));
  }
  if (now !== undefined && now.version !== record.version)
    return changed(`holds libtorch ${now.version}`, record.version);
  return [
    ...shadowed,
    `The addon was built with another version of libtorch than the one that was loaded: ${REBUILD}.`,
    ...(path === prebuiltAddon(record) ? ['It is the package\u2019s own: please report this.'] : []),
  ];
}

function numbered(problem: string, lines: readonly string[]): string {
  return [problem, ...lines.map((line, index) => `  ${index + 1}. ${line}`)].join('\n');
}
