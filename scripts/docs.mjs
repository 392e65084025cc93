// Writes the generated parts of docs/, from the code, docs/benchmarks/*.json and docs/matrix/: npm run docs. --check compares and writes nothing.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import * as prettier from 'prettier';
import { withBenchmarkTables } from '../bench/dist/documentTables.js';
import { withMatrixTable } from './matrix/table.mjs';
import { reference } from './reference.mjs';
import { withReplicationTables } from './replication.mjs';

const docs = new URL('../docs/', import.meta.url);
const check = process.argv.includes('--check');

async function rewrite(name, withTables) {
  const path = new URL(name, docs);
  const options = { ...(await prettier.resolveConfig(path)), parser: 'markdown' };
  const before = await readFile(path, 'utf8').catch(() => '');
  const text = await prettier.format(await withTables(before), options);
  if (text === before) return;
  if (!check) return writeFile(path, text);
  console.error(`docs/${name} is out of date: npm run docs`);
  process.exitCode = 1;
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
await rewrite('reference.md', reference);
await rewrite('../REPLICATION.md', withReplicationTables);
await rewrite('benchmarks.md', (text) => withBenchmarkTables(text, results));
