import { join } from 'node:path';
import { withProtocolTables } from '../../src/cli/protocolTables.js';
import { node, ROOT } from '../cli/support.js';

test('pages made from the code are those of the code', () => {
  const { status, stderr } = node([join(ROOT, 'scripts/docs.mjs'), '--check']);
  // Otherwise: npm run docs
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a place for an unknown table is refused, and a table without a place', () => {
  expect(() => withProtocolTables('<!-- settings: nothing -->\n<!-- end -->')).toThrow(/named nothing/);
  expect(() => withProtocolTables('')).toThrow(/no place for training/);
});
