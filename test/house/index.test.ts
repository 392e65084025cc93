import { readFileSync } from 'node:fs';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const names = [...read('src/index.ts').matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) =>
  list
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== ''),
);

test('the interface has what users need, each name documented', () => {
  expect(names.length).toBeGreaterThan(50);
  expect(names.length).toBeLessThanOrEqual(70);
  const document = read('docs/library.md');
  expect(names.filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
});
