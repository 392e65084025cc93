import { parse } from 'yaml';
import { requirePlain } from '../src/plainData.js';

test('what holds itself is refused in words', () => {
  expect(() => requirePlain(parse('lr: &a { x: *a }'))).toThrow(/^a part of it holds itself$/);
});

test.each(['__proto__: 1', 'a: { __proto__: { b: 1 } }', '[{ "__proto__": 1 }]'])('%s is refused', (text) => {
  expect(() => requirePlain(parse(text))).toThrow('it has the key __proto__, which names nothing');
});

test('anything else is what it was', () => {
  const content: unknown = parse('a: &b [1, two, null]\nc: *b');
  expect(requirePlain(content)).toEqual({ a: [1, 'two', null], c: [1, 'two', null] });
  expect(requirePlain(undefined)).toBeUndefined();
});
