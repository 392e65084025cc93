import { parseValue } from '../../src/cli/settings.js';
import { augmentationChoice, SIMCLR } from '../../src/train/augmentation.js';

test.each<[string, unknown]>([
  ['none', null],
  ['dataset', 'dataset'],
  ['simclr', 'simclr'],
  ['0.8,1,0', { scale: [0.8, 1], horizontalFlip: 0 }],
  ['flip=0.5', { horizontalFlip: 0.5 }],
  [
    'crop=0.2-1, ratio=0.45-0.55, jitter=0.5@0.9, grayscale=0.1, blur=1',
    {
      scale: [0.2, 1],
      ratio: [0.45, 0.55],
      grayscale: 0.1,
      gaussianBlur: 1,
      colorJitter: { strength: 0.5, probability: 0.9 },
    },
  ],
  ['jitter=0.5', { colorJitter: { strength: 0.5, probability: 0.8 } }],
  ['simclr,blur=0,crop=none', { ...SIMCLR, gaussianBlur: 0, scale: undefined }],
])('%s', (text, value) => {
  expect(parseValue(text, augmentationChoice)).toEqual(value);
});

test.each([
  ...['', 'sim', '0.8,1', '0.8,1,0,1', '1,0.8,0', '0.8,2,0', 'crop=0.5', 'crop=0.5-0.6-0.7', 'crop=1-0.5'],
  ...['flip=', 'flip=2', 'jitter=3', 'jitter=1@', 'blur=yes', 'color=1', 'blur=0.5,simclr'],
])('%s is refused', (text) => {
  expect(() => parseValue(text, augmentationChoice)).toThrow(/It takes none, dataset, simclr, /);
});
