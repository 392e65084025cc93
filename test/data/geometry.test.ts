import {
  batchPlan,
  centerCrop,
  cropPlacement,
  evaluationPlacement,
  type Placement,
  type Rectangle,
  resizedSize,
  roundToEven,
  type Size,
} from '../../src/data/geometry.js';
import fc from '../property.js';

const side = fc.integer({ min: 1, max: 600 });
const size = fc.tuple(side, side);

function liesInside({ top, left, height, width }: Rectangle, [wholeHeight, wholeWidth]: Size): boolean {
  const isWhole = [top, left, height, width].every((value) => Number.isInteger(value));
  return isWhole && Math.min(top, left) >= 0 && top + height <= wholeHeight && left + width <= wholeWidth;
}

test('halves are rounded to even, as Python does', () => {
  expect([0, 0.5, 1.5, 2.5, 2.4999, 2.5001, 3].map(roundToEven)).toEqual([0, 0, 2, 2, 2, 3, 3]);
});

test.each<[Size, Parameters<typeof resizedSize>[1], Size]>([
  [[375, 500], null, [375, 500]],
  [[375, 500], 256, [256, 341]],
  [[500, 333], 256, [384, 256]],
  [[40, 40], 256, [256, 256]],
])('an image of %j px, resized to %j, has %j px', (image, resize, expected) => {
  expect(resizedSize(image, resize)).toEqual(expected);
});

test.each([
  [256, 224, { start: 16, count: 224, place: 0 }],
  // Halves: 0.5 to 0, and 1.5 to 2.
  [225, 224, { start: 0, count: 224, place: 0 }],
  [227, 224, { start: 2, count: 224, place: 0 }],
  // The odd pixel of padding lies behind the image.
  [2, 5, { start: 0, count: 2, place: 1 }],
])('the centre crop of %d px to %d', (from, to, expected) => {
  expect(centerCrop(from, to)).toEqual(expected);
});

test('whatever the sizes, the parts lie inside of what they are parts of', () => {
  const resize = fc.option(fc.oneof(side, size));
  fc.assert(
    fc.property(size, resize, fc.option(size), fc.boolean(), (image, resized, crop, flip) => {
      const placement = evaluationPlacement(image, { resize: resized, crop }, flip);
      const { height, width } = placement.window;
      const [top, left] = placement.place;
      expect(placement.size).toEqual(crop ?? placement.resized);
      expect(liesInside(placement.window, placement.resized)).toBe(true);
      expect(liesInside({ top, left, height, width }, placement.size)).toBe(true);
    }),
  );
});

test('a flip mirrors the padding', () => {
  const placeOf = (flip: boolean) => evaluationPlacement([3, 2], { resize: null, crop: [3, 5] }, flip).place;
  expect({ straight: placeOf(false), flipped: placeOf(true) }).toEqual({ straight: [0, 1], flipped: [0, 2] });
});

describe('the plan of a batch', () => {
  const evaluated = evaluationPlacement([30, 20], { resize: [16, 12], crop: [14, 16] }, true);
  const cropped = cropPlacement({ top: 5, left: 6, height: 7, width: 8 }, [14, 16], false);

  test('has a row for each image', () => {
    const plan = batchPlan(Int32Array.of(4, 9), [evaluated, cropped]);
    expect(plan.size).toEqual([14, 16]);
    expect([...plan.placements]).toEqual([
      ...[4, 0, 0, 30, 20, 16, 12, 1, 0, 14, 12, 0, 2, 1],
      ...[9, 5, 6, 7, 8, 14, 16, 0, 0, 14, 16, 0, 0, 0],
    ]);
  });

  test('refuses images that differ in size there', () => {
    const other: Placement = { ...cropped, size: [14, 15] };
    expect(() => batchPlan(Int32Array.of(4, 9), [evaluated, other])).toThrow(
      /differ in size: \d has 14 x 15 px, and \d 14 x 16 px\. Set a fixed resize \[height, width\] or a crop/,
    );
  });
});
