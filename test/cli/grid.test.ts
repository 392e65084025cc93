import { parseGrid } from '../../src/cli/grid.js';

const parse = (...texts: string[]): unknown => parseGrid(texts);

test('a grid\u2019s values are parsed as the options\u2019', () => {
  expect(parse('lambda=1, 5,10', 'criterion=gradient,none', 'batch-size=32', 'contrast=yes,no')).toEqual({
    lambda: [1, 5, 10],
    criterion: ['gradient', 'none'],
    batchSize: [32],
    contrast: [true, false],
  });
});

test('a setting that is varied twice is refused', () => {
  expect(() => parse('criterion=none', 'criterion=random')).toThrow(/varies criterion twice/);
});

test.each([
  ['lamda=1', /has no setting named lamda that can be varied\. The nearest are lambda, /],
  ['viewAugmentation=none', /has no setting named viewAugmentation that can be varied/],
  ['lambda', /it takes values, such as --grid lambda=1,5,10/],
  ['lambda=', /it takes values/],
  ['lambda=1,-1', /-1 is no value of lambda\. It takes a number above 0/],
  [
    'criterion=gradients',
    /gradients is no value of criterion\. .*gradient, magnitude, gradient-x-weight, combined, random, random-same-layers, none/,
  ],
  ['criterion=none,none', /the values must differ from each other/],
  ['contrast=maybe', /maybe is no value of contrast\. It takes yes or no/],
])('%s is refused', (text, message) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
  expect(() => parse(text)).toThrow(message);
});
