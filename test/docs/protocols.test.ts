import { readFileSync } from 'node:fs';
import * as prettier from 'prettier';
import { withProtocolTables } from '../../src/cli/protocolTables.js';

const path = new URL('../../docs/protocols.md', import.meta.url).pathname;

test('the tables of docs/protocols.md are those of the settings', async () => {
  const document = readFileSync(path, 'utf8');
  const options = { ...(await prettier.resolveConfig(path)), parser: 'markdown' };
  // Otherwise: npm run build && npm run docs
  expect(await prettier.format(withProtocolTables(document), options)).toBe(document);
});

test('a place for an unknown table is refused, and a table without a place', () => {
  expect(() => withProtocolTables('<!-- settings: nothing -->\n<!-- end -->')).toThrow(/named nothing/);
  expect(() => withProtocolTables('')).toThrow(/no place for training/);
});
