import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/support.js';

interface Mutation {
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

/** A script, which has no types. */
const { MUTATIONS } = (await import(join(ROOT, 'scripts/mutate/mutations.mjs'))) as {
  readonly MUTATIONS: readonly Mutation[];
};

test('each mutation names a place of the sources', () => {
  const wrong = MUTATIONS.filter(
    ({ file, text, by }) => text === by || readFileSync(join(ROOT, file), 'utf8').split(text).length !== 2,
  );
  expect(wrong).toEqual([]);
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(30);
});
