import fc from 'fast-check';
import { pairedRatio } from '../../bench/src/ratio.js';
import { spread } from '../../bench/src/workloads/variants.js';

describe('pairedRatio', () => {
  it('takes the ratio pair by pair, and their median and spread', () => {
    const ratio = pairedRatio([1, 2, 4, 1], [2, 6, 4, 10]);
    expect(ratio.pairs).toEqual([2, 3, 1, 10]);
    expect(ratio.median).toBe(2.5);
    expect(ratio.range).toEqual([1, 10]);
    // As numpy.quantile interpolates.
    expect(ratio.quartiles).toEqual([1.75, 4.75]);
  });

  it('does not see what slows both of a pair', () => {
    const times = fc.array(
      fc.tuple(fc.double({ min: 0.01, max: 10, noNaN: true }), fc.integer({ min: 0, max: 6 })),
      {
        minLength: 1,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(times, fc.double({ min: 0.1, max: 9, noNaN: true }), (pairs, factor) => {
        // Powers of two scale without rounding.
        const ours = pairs.map(([seconds, load]) => seconds * 2 ** load);
        const rival = pairs.map(([seconds, load]) => seconds * factor * 2 ** load);
        const quiet = pairedRatio(
          pairs.map(([seconds]) => seconds),
          pairs.map(([seconds]) => seconds * factor),
        );
        expect(pairedRatio(ours, rival)).toEqual(quiet);
      }),
    );
  });

  it('refuses measurements that make no pairs', () => {
    expect(() => pairedRatio([], [])).toThrow(RangeError);
    expect(() => pairedRatio([1, 2], [1])).toThrow(RangeError);
  });
});

describe('spread', () => {
  it('takes items evenly, the first and the last among them', () => {
    expect(spread([0, 1, 2, 3, 4, 5, 6], 3)).toEqual([0, 3, 6]);
    expect(spread([0, 1, 2], 5)).toEqual([0, 1, 2]);
    expect(spread([0, 1, 2], 1)).toEqual([0]);
  });
});
