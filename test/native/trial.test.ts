import { problemOf } from '../../src/native/addonFiles.js';

test.each([
  [{ status: 0, signal: null, stderr: '' }, undefined],
  [{ status: 3, signal: null, stderr: '' }, 'the process ended with 3'],
  [{ status: 1, signal: null, stderr: 'at line 1\nno such symbol\n' }, 'no such symbol'],
  [{ status: null, signal: 'SIGSEGV', stderr: '' } as const, 'it ended the process by SIGSEGV'],
])('the trial of an addon that ends with %j has the problem %p', (outcome, problem) => {
  expect(problemOf(outcome)).toBe(problem);
});
