import { native } from '../../src/native/addon.js';

// torch.Generator().manual_seed(seed): randperm(5), int64 random_(), randperm(12), int64 random_().
test.each([
  [0, [4, 0, 1, 3, 2], 1895649597198586619n, [7, 1, 9, 3, 2, 5, 6, 11, 10, 0, 8, 4], 5029620886691985722n],
  [
    123456789,
    [3, 1, 2, 4, 0],
    176222416774578973n,
    [8, 1, 0, 4, 11, 6, 7, 2, 5, 9, 3, 10],
    8737945829278012020n,
  ],
  [
    4294967295,
    [1, 3, 4, 2, 0],
    5331760257347419712n,
    [10, 8, 11, 7, 2, 5, 0, 6, 4, 1, 9, 3],
    3149806752430664118n,
  ],
])('the draws of seed %d are those that PyTorch 2 makes', (seed, first, second, third, fourth) => {
  const generator = new (native().Generator)(seed);
  expect([...generator.randperm(5)]).toEqual(first);
  expect(generator.random()).toBe(second);
  expect([...generator.randperm(12)]).toEqual(third);
  expect(generator.random()).toBe(fourth);
});

// torch.manual_seed(7): torch.empty(1).uniform_(0.08, 1), torch.exp(torch.empty(1).uniform_(*torch.log(torch.tensor([3 / 4, 4 / 3])))),
// torch.randint(0, 100, (1,)), torch.rand(1).
test('single draws are those that PyTorch 2 makes', () => {
  const generator = new (native().Generator)(7);
  expect(generator.uniform(0.08, 1)).toBe(0.5721287727355957);
  expect(generator.logUniform(3 / 4, 4 / 3)).toBe(0.8408871293067932);
  expect(generator.randint(100)).toBe(21);
  expect(generator.uniform(0, 1)).toBe(0.6568902730941772);
});
