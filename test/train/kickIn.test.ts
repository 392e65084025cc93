import { kickInEpoch } from '../../src/train/ermSettings.js';

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
