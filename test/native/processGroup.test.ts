import { SpurmemError } from '../../src/errors.js';
import { native } from '../../src/native/addon.js';
import { PlanBuilder } from '../../src/native/planBuilder.js';
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

test('a parameter that no call takes does not stop processes that train together', async () => {
  const addon = native();
  const place = { rank: 0, size: 1, host: '127.0.0.1', port: 0, hostsStore: true, prefix: 'test' };
  const group = await addon.joinProcessGroup(place);
  const net = new PlanBuilder();
  net.parameter('unused', 3);
  const layer = net.convNorm('conv', 'norm', { in: 3, out: 4, kernel: 3 });
  net.head('fc', net.linear('fc', 4, 2), net.averaged(layer.relu(net.images)));
  const generator = new addon.Generator(1);
  const network = await addon.createNetwork({ plan: net.plan(), generator, device: 'cpu' });
  await network.distribute(group, false);
  using images = await addon.tensor(generator.randn(2 * 3 * 64), [2, 3, 8, 8], 'cpu');
  using labels = await addon.tensor(Int32Array.of(0, 1), [2], 'cpu');
  for (let step = 0; step < 3; step += 1) {
    await network.zeroGrad(true);
    using logits = (await network.run(images, { grad: true, statistics: 'shared' })).logits;
    using loss = await addon.crossEntropy(logits, labels, 'mean');
    await loss.backward();
  }
  const gradients = await network.gradients();
  expect(Object.keys(gradients)).not.toContain('unused');
  expect(Object.keys(gradients)).toContain('conv.weight');
  for (const tensor of Object.values(gradients)) tensor.dispose();
  network.dispose();
});
