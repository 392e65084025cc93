import { SpurmemError } from '../../src/errors.js';
import { failureOf, joinProcessGroup, readOutcome } from '../../src/native/processGroup.js';
import { failure } from '../data/support.js';

const place = { WORLD_SIZE: '2', RANK: '0', MASTER_ADDR: '127.0.0.1', MASTER_PORT: '29500' };

test.each([
  [{ WORLD_SIZE: '1000000000' }, 'WORLD_SIZE is 1000000000, and takes 1 to 4096'],
  [{ WORLD_SIZE: '0' }, 'WORLD_SIZE is 0, and takes 1 to 4096'],
  [{ WORLD_SIZE: 'two' }, 'WORLD_SIZE is two'],
  [{ MASTER_PORT: '-1' }, 'MASTER_PORT is -1, and takes 1 to 65535'],
  [{ MASTER_PORT: '99999' }, 'MASTER_PORT is 99999'],
  [{ MASTER_PORT: undefined }, 'MASTER_PORT is missing'],
  [{ RANK: '2' }, 'RANK is 2, and takes 0 to 1'],
  [{ RANK: '' }, 'RANK is '],
  [{ MASTER_ADDR: '' }, 'MASTER_ADDR is missing'],
  [{ TORCHELASTIC_RESTART_COUNT: '-3' }, 'TORCHELASTIC_RESTART_COUNT is -3'],
])('an environment with %j is refused before anything is started', async (wrong, problem) => {
  await failure(
    joinProcessGroup({ ...place, ...wrong }),
    'USAGE',
    problem,
    'Start the processes by torchrun',
  );
});

test('one process has nothing to join', async () => {
  expect((await joinProcessGroup({})).isDistributed).toBe(false);
  expect((await joinProcessGroup({ WORLD_SIZE: '1' })).isDistributed).toBe(false);
});

test('an error of the first process reaches the others with its advice', () => {
  const details = { parameter: 'out', expected: 'a folder', advice: ['Choose another `out`.'] };
  const error = new SpurmemError('RUN_EXISTS', 'The folder holds another run.', details);
  const { code, message, problem } = error;
  expect(() => readOutcome(failureOf(error))).toThrow(
    expect.objectContaining({ code, message, problem, ...details }) as Error,
  );
  expect(() => readOutcome(failureOf(new TypeError('no')))).toThrow(new Error('no'));
  expect(readOutcome(JSON.stringify({ result: [1] }))).toEqual([1]);
});
