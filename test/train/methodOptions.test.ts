import { EVALUATE_SETTINGS } from '../../src/experiments/evaluateRun.js';
import { TRACE_SETTINGS } from '../../src/experiments/traceSettings.js';
import { protocolOf } from '../../src/settings/setting.js';
import {
  trainDfr,
  trainFinetune,
  trainGroupDro,
  TRAINING_METHODS,
  trainRwg,
} from '../../src/train/methods.js';
import { failure } from '../data/support.js';

type Train = (options: never) => Promise<unknown>;

describe('a method refuses an option that it could do nothing with', () => {
  test.each<[string, Train, object, string]>([
    ['RWG', trainRwg, { data: 'data', from: 'runs/erm' }, 'from'],
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
  expect(Object.fromEntries(byMethod)).toEqual({ dfr: 'released', finetune: 'article' });
  expect(protocolOf(TRACE_SETTINGS.session, {}, run)).toBe('article');
  expect(protocolOf(TRACE_SETTINGS.session, { protocol: 'released' }, run)).toBe('released');
  expect(protocolOf(EVALUATE_SETTINGS, {}, run)).toBe('released');
});
