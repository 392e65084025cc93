import { ReduceLROnPlateau } from '../../src/train/scheduler.js';

test('a restored scheduler goes on as the saved one', () => {
  const metrics = [1, 0.8, 0.8, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7];
  const whole = new ReduceLROnPlateau(0.1, 0.5, 1);
  const first = new ReduceLROnPlateau(0.1, 0.5, 1);
  for (const metric of metrics.slice(0, 5)) first.step(metric);
  const second = new ReduceLROnPlateau(0.1, 0.5, 1);
  second.load(JSON.parse(JSON.stringify(first.state())) as ReturnType<typeof first.state>);
  for (const metric of metrics.slice(5)) second.step(metric);
  for (const metric of metrics) whole.step(metric);
  expect(second.state()).toEqual(whole.state());
  expect(whole.lr).toBeLessThan(0.1);
});

test('a state before the first step survives JSON', () => {
  const scheduler = new ReduceLROnPlateau(0.1, 0.5, 1);
  scheduler.load(JSON.parse(JSON.stringify(scheduler.state())) as ReturnType<typeof scheduler.state>);
  scheduler.step(5);
  expect(scheduler.state()).toEqual({ lr: 0.1, best: 5, badEpochs: 0 });
});
