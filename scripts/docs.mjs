// Writes the tables of docs/ from the settings, docs/benchmarks/*.json and docs/matrix/: npm run docs. Tests compare all of them.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import * as prettier from 'prettier';
import { withBenchmarkTables } from '../bench/dist/documentTables.js';
import { withProtocolTables } from '../dist/cli/protocolTables.js';
import { withMatrixTable } from './matrix/table.mjs';

const docs = new URL('../docs/', import.meta.url);

async function rewrite(name, withTables) {
  const path = new URL(name, docs);
  const options = { ...(await prettier.resolveConfig(path)), parser: 'markdown' };
  await writeFile(path, await prettier.format(withTables(await readFile(path, 'utf8')), options));
}

const results = {};
for (const file of await readdir(new URL('benchmarks/', docs))) {
  results[basename(file, '.json')] = JSON.parse(await readFile(new URL(`benchmarks/${file}`, docs), 'utf8'));
}
const rows = [];
for (const file of await readdir(new URL('matrix/', docs)).catch(() => [])) {
  rows.push(JSON.parse(await readFile(new URL(`matrix/${file}`, docs), 'utf8')));
}
await rewrite('install.md', (text) => withMatrixTable(text, rows));
await rewrite('protocols.md', withProtocolTables);
await rewrite('benchmarks.md', (text) => withBenchmarkTables(text, results));
