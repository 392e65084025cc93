import { native } from '../../src/native/addon.js';

// Without one, what it does is computed slower and in silence: a libtorch that has renamed it is to be noticed.
test('every operator that is looked up by name is in this libtorch', () => {
  const operators = native().operators();
  expect(operators.filter(({ isFound }) => !isFound).map(({ name }) => name)).toEqual([]);
  expect(operators.length).toBeGreaterThanOrEqual(5);
  expect(operators.every(({ without }) => without.length > 20)).toBe(true);
});
