import { existsSync } from 'node:fs';
import { cLibrary, isCheckout, PREBUILDS, prebuiltVersions } from './addonFiles.js';
import { buildRecord, describeRecord, libtorchNow, type BuildRecord } from './buildRecord.js';

/** What to do where SPURMEM_ADDON names a file that is not there. */
export function addonMissing(path: string): string {
  return numbered(`The environment variable SPURMEM_ADDON names ${path}, which does not exist.`, [
    'Unset SPURMEM_ADDON to use the addon that was built here.',
    'Or set it to the path of an existing spurmem.node.',
  ]);
}

/**
 * What to do where no addon was built here and none that the package brings loads.
 *
 * @param reasons what the system says of those that it brings, the newest libtorch first
 */
export function notBuilt(reasons: readonly string[]): string {
  const platform = `${process.platform}-${process.arch} with ${cLibrary()}`;
  const versions = prebuiltVersions().map((name) => name.replace('libtorch-', ''));
  const problem =
    reasons.length > 0
      ? [
          `The native addon is not built, and of the package\u2019s prebuilds none fits: they are for libtorch ${versions.join(', ')}.`,
          ...reasons.map((reason) => `  Reason: ${firstLine(reason)}`),
        ].join('\n')
      : `The native addon is not built, and ${PREBUILDS} has no prebuild for ${platform}.`;
  return numbered(problem, [
    isCheckout()
      ? 'In this checkout, run scripts/setup.sh: it finds or installs libtorch and builds the addon.'
      : `Compile it against the libtorch of this machine: npx spurmem build (needs libtorch with its headers, cmake, g++; it takes minutes, and a reinstall keeps it).`,
    ...(reasons.length > 0
      ? [
          'Or install the libtorch of a prebuild (on Debian 13: apt-get install libtorch2.6 libopenblas0-openmp).',
        ]
      : []),
    'If it was built elsewhere, set SPURMEM_ADDON to the path of spurmem.node.',
  ]);
}

/**
 * What to do where an addon does not load: whether a library is missing, is another version's or another ABI's, or wants a
 * driver.
 *
 * @param reason what the system says
 */
export function loadAdvice(path: string, reason: string): string {
  const record = buildRecord(path);
  const built = record === undefined ? [] : [`Built against ${describeRecord(record)}.`];
  return numbered(
    [
      `The native addon could not be loaded from ${path}.`,
      `  Reason: ${firstLine(reason)}`,
      ...built.map((line) => `  ${line}`),
    ].join('\n'),
    [...fixes(reason, record), '`spurmem doctor` shows what is found.'],
  );
}

const REBUILD = `rebuild: ${isCheckout() ? 'npm run build:native' : 'npx spurmem build'}`;

function fixes(reason: string, record: BuildRecord | undefined): string[] {
  const missing = /(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(reason)?.[1];
  if (missing !== undefined) return missingLibrary(missing, record);
  if (reason.includes('undefined symbol')) return otherLibrary(record);
  return [`If it was built on another machine, ${REBUILD}.`];
}

function missingLibrary(library: string, record: BuildRecord | undefined): string[] {
  if (/^lib(cuda|nvidia)/.test(library)) {
    return [
      `${library} is part of NVIDIA\u2019s driver, which this machine lacks, and the addon was built against a libtorch with CUDA: install the driver.`,
      `Or build against a libtorch for CPUs: name its folder in LIBTORCH and ${REBUILD}.`,
    ];
  }
  if (!/torch|c10|cudart|cudnn|cublas|nccl/.test(library)) {
    return [
      `${library} was not found: install the package that has it (on Debian: apt-file search ${library}).`,
    ];
  }
  const isGone = record !== undefined && !existsSync(record.root);
  return [
    isGone
      ? `${library} was in ${record.root}, which is no longer there: install that libtorch again (${record.version}).`
      : `${library} was not found: install libtorch (on Debian: apt-get install libtorch-dev libopenblas0-openmp).`,
    `If libtorch is installed in another version than the addon was built with, ${REBUILD}.`,
    `If libtorch is in a folder of its own, name it in LIBTORCH and ${REBUILD}, or add its lib/ to LD_LIBRARY_PATH.`,
  ];
}

/** The addon names a function that the loaded libtorch does not have. */
function otherLibrary(record: BuildRecord | undefined): string[] {
  const now = record === undefined ? undefined : detailsNow(record.root);
  const path = process.env.LD_LIBRARY_PATH;
  const shadowed =
    path === undefined || path === ''
      ? []
      : [
          `LD_LIBRARY_PATH is ${path}, which may bring another libtorch first: unset it, or name the right one first.`,
        ];
  if (record !== undefined && now !== undefined && now.cxx11Abi !== record.cxx11Abi) {
    const abiOf = ({ cxx11Abi }: BuildRecord) => (cxx11Abi ? 'the C++11 ABI' : 'the C++ ABI of GCC before 5');
    return [
      `${now.root} has ${abiOf(now)} now, and the addon was built with ${abiOf(record)}: ${REBUILD}.`,
      ...shadowed,
    ];
  }
  if (record !== undefined && now !== undefined && now.version !== record.version) {
    return [
      `${now.root} holds libtorch ${now.version} now, and the addon was built with ${record.version}: ${REBUILD}.`,
      ...shadowed,
    ];
  }
  return [
    ...shadowed,
    `The addon was built with another version of libtorch than the one that was loaded: ${REBUILD}.`,
  ];
}

/** What lies in the folder that the addon was built against. */
function detailsNow(root: string): BuildRecord | undefined {
  try {
    return libtorchNow(root);
  } catch {
    return undefined;
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function numbered(problem: string, lines: readonly string[]): string {
  return [problem, ...lines.map((line, index) => `  ${index + 1}. ${line}`)].join('\n');
}
