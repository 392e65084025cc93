import { ReduceLROnPlateau } from '../../src/train/scheduler.js';

/** The state as JSON gives it back. */
const stored = (scheduler: ReduceLROnPlateau) =>
  JSON.parse(JSON.stringify(scheduler.state())) as ReturnType<typeof scheduler.state>;

test.each([0, 5])('a scheduler restored after %d steps goes on as the saved one', (steps) => {
  const metrics = [1, 0.8, 0.8, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7];
  const [whole, first, second] = [1, 2, 3].map(() => new ReduceLROnPlateau(0.1, 0.5, 1)) as [
    ReduceLROnPlateau,
    ReduceLROnPlateau,
    ReduceLROnPlateau,
  ];
  for (const metric of metrics.slice(0, steps)) first.step(metric);
  second.load(stored(first));
  for (const metric of metrics.slice(steps)) second.step(metric);
  for (const metric of metrics) whole.step(metric);
  expect(second.state()).toEqual(whole.state());
  expect(whole.lr).toBeLessThan(0.1);
});
