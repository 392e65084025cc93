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
