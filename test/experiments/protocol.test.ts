import { requireCount } from '../../src/errors.js';
import { TRACE_DEFAULTS, gradientSourceOf } from '../../src/experiments/protocol.js';
import { refusalOf } from '../refusal.js';

test('each protocol has its samples, and every setting can be given alone', () => {
  expect(gradientSourceOf('article')).toEqual({ worst: 256, drawn: 128, order: 'highest-loss' });
  expect(gradientSourceOf('released')).toEqual({ worst: 200, drawn: 200, order: 'highest-loss' });
  expect(gradientSourceOf('released', { drawn: 128, order: 'lowest-loss' })).toEqual({
    ...{ worst: 200, drawn: 128, order: 'lowest-loss' },
  });
});

test('the published code leaves out the downsample convolutions and repeats gradients less', () => {
  expect(TRACE_DEFAULTS.released).toMatchObject({
    ...{ magnitudeLayers: 'no-downsample', repeats: { gradient: 3, magnitude: 10 } },
  });
  expect(TRACE_DEFAULTS.article).toMatchObject({
    ...{ magnitudeLayers: 'all', repeats: { gradient: 10, magnitude: 10 } },
  });
});

test('more samples than there are to draw from are refused', () => {
  const source = (): unknown => gradientSourceOf('article', { drawn: 300 });
  expect(refusalOf(source, 'USAGE')).toContain(
    '--gradient-drawn is 300, more than the 256 of --gradient-worst that they are drawn from. Ask for 1 to 256.',
  );
});

test.each([0, -1, 1.5, Number.NaN])('a count of %p is refused by its option', (count) => {
  const require = (): void => {
    requireCount('--repeats', count);
  };
  expect(refusalOf(require, 'USAGE')).toContain(
    `--repeats is ${count}: it takes a whole number of at least 1.`,
  );
  expect(() => gradientSourceOf('article', { worst: count })).toThrow(`--gradient-worst is ${count}`);
});
