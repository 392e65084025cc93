// Prints the benchmark's cases whose names begin with one of the words, or are one that ends with "=":
//   node scripts/gpuCheck/cases.mjs gpu-resnet50- resnet18-forward=
import { CASES } from '../../bench/dist/cases.js';

const words = process.argv.slice(2);
const names = CASES.map(({ name }) => name).filter((name) =>
  words.some((word) => (word.endsWith('=') ? name === word.slice(0, -1) : name.startsWith(word))),
);
if (names.length === 0) throw new Error(`No case begins with ${words.join(' or ')}`);
// Long cases, which compile, come last: time may run out.
const minutes = (name) => ['compiled', 'max-autotune'].findIndex((word) => name.endsWith(word));
console.log([...names].sort((a, b) => minutes(a) - minutes(b)).join(' '));
