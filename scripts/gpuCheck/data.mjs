// Makes the images that the checks and benchmarks need, in a folder: node scripts/gpuCheck/data.mjs FOLDER
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dominoes, manySquares, squareDominoes } from '../../bench/dist/data.js';

const [folder] = process.argv.slice(2);
for (const make of [dominoes, squareDominoes, manySquares]) await make({ folder });
// The source of the squares.
for (const name of ['dominoes-200', 'dominoes-1600']) await rm(join(folder, name), { recursive: true });
