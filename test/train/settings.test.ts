import { EVALUATE_SETTINGS } from '../../src/experiments/evaluateRun.js';
import { TRACE_SETTINGS } from '../../src/experiments/traceSettings.js';
import { protocolOf } from '../../src/settings/setting.js';
import { kickInEpoch } from '../../src/train/ermSettings.js';
import { train, trainDfr, trainFinetune, trainGroupDro, TRAINING_METHODS } from '../../src/train/methods.js';
import { requirePatches, vitSettings } from '../../src/train/vitOptions.js';
import { failure } from '../data/support.js';

type Train = (options: never) => Promise<unknown>;

describe('a method refuses an option that it could do nothing with', () => {
  test.each<[string, Train, object, string]>([
    ['RWG', (options: object) => train('rwg', { ...options }), { data: 'data', from: 'runs/erm' }, 'from'],
    ['last-layer retraining', trainDfr, { from: 'runs/erm', protocol: 'released' }, 'protocol'],
    ['last-layer retraining', trainDfr, { from: 'runs/erm', keepEpochs: [5] }, 'keepEpochs'],
    ['GroupDRO', trainGroupDro, { data: 'data', syncBatchNorm: true }, 'syncBatchNorm'],
    ['fine-tuning', trainFinetune, { from: 'runs/erm', augmentation: null }, 'augmentation'],
  ])('%s', async (_name, train, options, parameter) => {
    expect(
      await failure(
        train(options as never),
        'USAGE',
        `There is no option \`${parameter}\`. The nearest are `,
      ),
    ).toMatchObject({ parameter });
  });
});

test('the protocol is the article\u2019s, and the run\u2019s where no default depends on it', () => {
  const run = { protocol: 'released' } as const;
  const byMethod = TRAINING_METHODS.filter(({ startsFrom }) => startsFrom === 'run').map(
    ({ name, settings }) => [name, protocolOf(settings, {}, run)],
  );
  expect(Object.fromEntries(byMethod)).toMatchObject({
    dfr: 'released',
    cbllr: 'released',
    afr: 'released',
    finetune: 'article',
  });
  expect(protocolOf(TRACE_SETTINGS.session, {}, run)).toBe('article');
  expect(protocolOf(TRACE_SETTINGS.session, { protocol: 'released' }, run)).toBe('released');
  expect(protocolOf(EVALUATE_SETTINGS, {}, run)).toBe('released');
});

test.each([
  ['article', 100, undefined, 40],
  ['article', 10, 'celeba', 4],
  ['released', 101, undefined, 40],
  ['released', 101, 'celeba', 19],
  ['article', 1, undefined, 1],
] as const)(
  '%s, %i epochs, layout %s: fine-tuning starts from epoch %i',
  (protocol, runEpochs, format, epoch) => {
    expect(kickInEpoch(protocol, { runEpochs, format })).toBe(epoch);
  },
);

test('a run without epochs has its selected one', () => {
  expect(kickInEpoch('article', { runEpochs: undefined, format: undefined })).toBe('selected');
});

test('a vision transformer has timm\u2019s defaults, and what was asked for', () => {
  expect(vitSettings('vit_tiny_patch16_224', {})).toEqual({ patchSize: 16, layerNormEps: 1e-6 });
  const asked = { patchSize: 8, layerNormEps: 1e-5 };
  expect(vitSettings('vit_small_patch16_224', asked, [64, 32])).toEqual(asked);
  expect(vitSettings('resnet18', {})).toEqual({});
});

const ELSEWHERE = '`arch` is resnet50, and only vision transformers take that';
test.each([
  ['resnet50', { patchSize: 8 }, `\`patchSize\`: ${ELSEWHERE}`],
  ['resnet50', { patchSize: 8, layerNormEps: 1e-5 }, `\`patchSize\` and \`layerNormEps\`: ${ELSEWHERE}`],
] as const)('%s with %j is refused', async (arch, given, message) => {
  await failure(() => vitSettings(arch, given), 'USAGE', message);
});

test('patches must cover the images that the dataset gives', () => {
  requirePatches([64, 32], 8);
  expect(() => {
    vitSettings('vit_tiny_patch16_224', { patchSize: 12 }, [64, 32]);
  }).toThrow(/Patches of 12 px do not cover images of 64 x 32 px: .*`patchSize`, or another `imageSize`/);
});
