import { native } from '../../src/native/addon.js';
import { problemOf } from '../../src/native/addonFiles.js';
import { automatic } from '../../src/native/engine.js';

const cuda = (devices: number) => ({ name: 'cuda', devices });

test.each([
  [0, { LOCAL_RANK: '1' }, 'cpu'],
  [1, {}, 'cuda:0'],
  [4, { LOCAL_RANK: '2' }, 'cuda:2'],
  [4, { SLURM_LOCALID: '3' }, 'cuda:3'],
  // Where srun shows each task one card.
  [1, { SLURM_LOCALID: '3' }, 'cuda:0'],
  [2, { LOCAL_RANK: 'x' }, 'cuda:0'],
])('of %d devices, a process with %p takes %s', (devices, environment, expected) => {
  expect(automatic([cuda(devices)], environment)).toBe(expected);
});

test('takes no device that tests register', () => {
  expect(automatic([cuda(0), { name: 'test', devices: 2 }], {})).toBe('cpu');
});

// Without one, what it does is computed slower and in silence: a libtorch that has renamed it is to be noticed.
test('every operator that is looked up by name is in this libtorch', () => {
  const operators = native().operators();
  expect(operators.filter(({ isFound }) => !isFound).map(({ name }) => name)).toEqual([]);
  expect(operators.length).toBeGreaterThan(0);
  expect(operators.filter(({ without }) => without === '')).toEqual([]);
});

test.each([
  [{ status: 0, signal: null, stderr: '' }, undefined],
  [{ status: 3, signal: null, stderr: '' }, 'the process ended with 3'],
  [{ status: 1, signal: null, stderr: 'at line 1\nno such symbol\n' }, 'no such symbol'],
  [{ status: null, signal: 'SIGSEGV', stderr: '' } as const, 'it ended the process by SIGSEGV'],
])('the trial of an addon that ends with %j has the problem %p', (outcome, problem) => {
  expect(problemOf(outcome)).toBe(problem);
});
