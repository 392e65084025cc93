import { automatic } from '../../src/native/device.js';

const cuda = (devices: number) => ({ name: 'cuda', devices, isAutomatic: true });
const xpu = (devices: number) => ({ name: 'xpu', devices, isAutomatic: true });

test.each([
  [0, { LOCAL_RANK: '1' }, 'cpu'],
  [1, {}, 'cuda:0'],
  [4, { LOCAL_RANK: '2' }, 'cuda:2'],
  [4, { SLURM_LOCALID: '3' }, 'cuda:3'],
  // Where srun shows each task one card.
  [1, { SLURM_LOCALID: '3' }, 'cuda:0'],
  [2, { LOCAL_RANK: 'x' }, 'cuda:0'],
])('of %d devices, a process with %p takes %s', (devices, environment, expected) => {
  expect(automatic([cuda(devices), xpu(0)], environment)).toBe(expected);
});

test('takes the kind of device that is there, and none that tests alone may take', () => {
  const forTests = { name: 'test', devices: 2, isAutomatic: false };
  expect(automatic([cuda(0), xpu(2), forTests], { LOCAL_RANK: '1' })).toBe('xpu:1');
  expect(automatic([cuda(0), xpu(0), forTests], {})).toBe('cpu');
});
