import {
  type SessionChoices,
  TRACE_SETTINGS,
  traceSettings,
  unstructuredSettings,
} from '../../src/experiments/traceSettings.js';
import type { Protocol } from '../../src/protocol.js';
import { defaultInWords } from '../../src/settings/setting.js';
import { failure } from '../data/support.js';

const run = { loss: 'double-softmax', precision: 'fp32' } as const;
const sourceOf = (protocol: Protocol, given: SessionChoices = {}): object => {
  const {
    gradientWorst: worst,
    gradientDrawn: drawn,
    gradientOrder: order,
  } = traceSettings(given, protocol, run);
  return { worst, drawn, order };
};

test('each protocol has its samples, and every setting can be given alone', () => {
  expect(sourceOf('article')).toEqual({ worst: 256, drawn: 128, order: 'highest-loss' });
  expect(sourceOf('released')).toEqual({ worst: 200, drawn: 200, order: 'highest-loss' });
  expect(sourceOf('released', { gradientDrawn: 128, gradientOrder: 'lowest-loss' })).toEqual({
    worst: 200,
    drawn: 128,
    order: 'lowest-loss',
  });
});

test('the published code leaves out the downsample convolutions and repeats gradients less', () => {
  const repeats = (protocol: Protocol, given = {}) =>
    unstructuredSettings({ perturbation: 'noise', ...given }, protocol).repeats;
  expect(traceSettings({}, 'released', run).magnitudeLayers).toBe('no-downsample');
  expect(repeats('released')).toEqual({ gradient: 3, magnitude: 10 });
  expect(traceSettings({}, 'article', run).magnitudeLayers).toBe('all');
  expect(repeats('article')).toEqual({ gradient: 10, magnitude: 10 });
  expect(repeats('released', { repeats: 5 })).toEqual({ gradient: 5, magnitude: 5 });
});

test('the repeats are told by criterion where they differ', () => {
  const { repeats } = TRACE_SETTINGS.unstructured;
  expect(defaultInWords(repeats, 'article')).toBe('10');
  expect(defaultInWords(repeats, 'released')).toMatch(/^3 for gradient, 10 for magnitude, 10 for /);
});

test('a criterion of one\u2019s own is an object with a name, dependsOnGroup and scores', async () => {
  const mine = { name: 'mine', dependsOnGroup: true, scores: () => Promise.resolve(new Float32Array()) };
  const { criteria, repeats } = unstructuredSettings(
    { criteria: ['magnitude', mine], perturbation: 'noise' },
    'article',
  );
  expect(criteria).toEqual(['magnitude', mine]);
  expect(repeats).toEqual({ magnitude: 10, mine: 10 });
  for (const odd of [{ ...mine, name: 'My own' }, { ...mine, scores: 1 }, { name: 'mine' }, null, 'mine']) {
    const given = { criteria: [odd] } as never;
    await failure(
      () => unstructuredSettings(given, 'article'),
      'USAGE',
      'or from a script an object with a name',
    );
  }
});

test('a perturbation of one\u2019s own is an object with a name and a function of weights', async () => {
  const mine = { name: 'mine', weights: (weights: Float32Array) => weights };
  const { perturbation, ...settings } = unstructuredSettings({ perturbation: mine }, 'article');
  expect(perturbation).toBe(mine);
  expect(settings).toMatchObject({ sigmas: undefined, repeats: undefined, nullDraws: 99 });
  const odd = [
    { ...mine, name: 'my-own' },
    { ...mine, name: 'test' },
    { ...mine, weights: async () => new Promise(() => undefined) },
    { name: 'mine' },
    'mine',
  ];
  for (const one of odd) {
    const given = { perturbation: one } as never;
    await failure(
      () => unstructuredSettings(given, 'article'),
      'USAGE',
      'or from a script an object with a name',
    );
  }
});

test('loss and precision are the run\u2019s where none is asked for', () => {
  expect(traceSettings({}, 'article', run)).toMatchObject(run);
  expect(traceSettings({ precision: 'bf16' }, 'article', run).precision).toBe('bf16');
  expect(traceSettings({ loss: 'cross-entropy' }, 'article', run).loss).toBe('cross-entropy');
});

test('more samples than there are to draw from are refused', async () => {
  const reason =
    '`gradientDrawn` is 300, more than the 256 of `gradientWorst` that they are drawn from. Ask for 1 to 256.';
  await failure(() => sourceOf('article', { gradientDrawn: 300 }), 'USAGE', reason);
});
