import { boundText, classesOf, countsOf } from '../../src/extras/discover/page.js';
import type { DiscoverImage, DiscoverResult } from '../../src/extras/discover/result.js';

test.each([
  [
    { images: 949, wrong: 0 },
    /^0 of 949 images are wrong\. .* at most 6\.3 % .* 1\.6 % .*hardly anything to find/,
  ],
  [
    { images: 876, wrong: 50 },
    /a hidden group of 5 % of the class may always be wrong, and one of 20 % is wrong in at most 35\.8 %/,
  ],
  [{ images: 400, wrong: 75 }, /too many to exclude anything/],
  [{ images: 400, wrong: 198 }, /perhaps the network is weak, perhaps a shortcut often misleads it/],
])('the bound of %j', (counts, text) => {
  expect(boundText(counts)).toMatch(text);
});

test('a class shows the lowest margins of the explored half, and as many others that are right', () => {
  const images = Array.from({ length: 40 }, (_, i): DiscoverImage => {
    const part = i % 2 === 0 ? 'explore' : 'confirm';
    return { path: `${i}.png`, class: 'cat', margin: i - 4.5, rank: i + 1, split: 'val', part };
  });
  const [cat] = classesOf({ images, seed: 0 } as unknown as DiscoverResult, 4);
  expect(cat?.lowest.map(({ rank }) => rank)).toEqual([1, 3, 5, 7]);
  expect(cat?.counts).toEqual({ images: 40, wrong: 5 });
  expect(countsOf(cat?.right ?? [])).toEqual({ images: 4, wrong: 0 });
  expect(cat?.right.every(({ part, rank }) => part === 'explore' && rank > 7)).toBe(true);
});
