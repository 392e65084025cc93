// Writes the tables of docs/protocols.md from the settings: npm run docs. A test holds the document against them.
import { readFile, writeFile } from 'node:fs/promises';
import * as prettier from 'prettier';
import { withProtocolTables } from '../dist/cli/protocolTables.js';

const path = new URL('../docs/protocols.md', import.meta.url);
const text = withProtocolTables(await readFile(path, 'utf8'));
await writeFile(
  path,
  await prettier.format(text, { ...(await prettier.resolveConfig(path)), parser: 'markdown' }),
);
