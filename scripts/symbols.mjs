// The newest versions of the C and C++ libraries' symbols that libraries need: node scripts/symbols.mjs [--oldest] FILE...
// Prints them, and exits with 1 if one of them is newer than what pip's PyTorch needs. With --oldest, functions of the C library whose
// versions are newer are taken in their oldest version, which every glibc has.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { compareVersions } from '../dist/native/libtorch.js';

const LIBRARIES = ['GLIBC', 'GLIBCXX', 'CXXABI'];
/** What libtorch_cpu.so of pip's PyTorch 2.13 to 2.15 needs (manylinux_2_28): the addon needs no newer system than libtorch. */
const WHEELS = { GLIBC: '2.28', GLIBCXX: '3.4.22', CXXABI: '1.3.11' };

const read = (option, file) =>
  execFileSync('readelf', ['--wide', option, file], { encoding: 'utf8', maxBuffer: 2 ** 28 });

/** The newest version that a library needs of each of LIBRARIES, such as { GLIBC: '2.28' }. */
export function needsOf(file) {
  const text = read('--version-info', file);
  const newest = LIBRARIES.map((name) => {
    const all = [...text.matchAll(new RegExp(`Name: ${name}_([\\d.]+)`, 'g'))].map(([, version]) => version);
    return [name, all.sort(compareVersions).at(-1)];
  });
  return Object.fromEntries(newest.filter(([, version]) => version !== undefined));
}

/** Prints a library's size and needs. Throws if one is newer than allowed. */
export function requireOld(file, allowed = WHEELS) {
  const needs = needsOf(file);
  const others = [...read('--dynamic', file).matchAll(/NEEDED.*\[(.+)\]/g)].map(([, name]) => name);
  const versions = Object.entries(needs).map(([name, version]) => `${name}_${version}`);
  console.log(
    `${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB, needs ${[...others, ...versions].join(', ')}`,
  );
  const newer = Object.entries(needs).filter(
    ([name, version]) => compareVersions(version, allowed[name] ?? '0') > 0,
  );
  if (newer.length === 0) return;
  const named = newer.map(([name, version]) => `${name}_${version} (at most ${name}_${allowed[name]})`);
  throw new Error(`${file} needs a newer system than libtorch: ${named.join(', ')}`);
}

/** Changes what a 64-bit library for little-endian processors needs of glibc: too new versions become the oldest one. */
function takeOldest(file) {
  const bytes = readFileSync(file);
  const word = (at) => bytes.readUInt32LE(at);
  const sections = Array.from({ length: bytes.readUInt16LE(60) }, (_, i) => {
    const at = Number(bytes.readBigUInt64LE(40)) + i * bytes.readUInt16LE(58);
    return { type: word(at + 4), offset: Number(bytes.readBigUInt64LE(at + 24)), link: word(at + 40) };
  });
  // SHT_GNU_verneed: by library, a list of versions, each with its name and that name's hash.
  const needed = sections.find(({ type }) => type === 0x6ffffffe);
  const names = sections[needed.link].offset;
  const versions = [];
  for (let at = needed.offset, next = 1; next !== 0; at += next = word(at + 12)) {
    for (let own = at + word(at + 8), then = 1; then !== 0; own += then = word(own + 12)) {
      const start = names + word(own + 8);
      const [, version] =
        /^GLIBC_([\d.]+)$/.exec(bytes.toString('latin1', start, bytes.indexOf(0, start))) ?? [];
      if (version !== undefined) versions.push({ own, version });
    }
  }
  const oldest = versions.reduce((a, b) => (compareVersions(a.version, b.version) < 0 ? a : b));
  for (const { own, version } of versions) {
    if (compareVersions(version, WHEELS.GLIBC) <= 0) continue;
    bytes.copy(bytes, own, oldest.own, oldest.own + 4);
    bytes.copy(bytes, own + 8, oldest.own + 8, oldest.own + 12);
  }
  writeFileSync(file, bytes);
}

if (import.meta.filename === process.argv[1]) {
  const files = process.argv.slice(2).filter((word) => word !== '--oldest');
  for (const file of files) {
    if (process.argv.includes('--oldest')) takeOldest(file);
    requireOld(file);
  }
}
