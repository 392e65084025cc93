import { fit, textWidth } from '../../src/report/vega/textWidth.js';

test.each(['short', 'waterbird, water background', 'WWWWWWWWWWWWWWWWWWWW', '\u{1f600}'.repeat(30), ''])(
  '%j is shortened to what fits, and no more',
  (text) => {
    for (const pixels of [30, 60, 120, 400]) {
      const fitted = fit(text, 11, pixels);
      if (textWidth(text, 11) <= pixels) {
        expect(fitted).toBe(text);
        continue;
      }
      expect(textWidth(fitted, 11)).toBeLessThanOrEqual(pixels);
      const next = Array.from(text)[Array.from(fitted).length - 1] ?? '';
      expect(textWidth(`${fitted.slice(0, -1)}${next}\u2026`, 11)).toBeGreaterThan(pixels);
    }
  },
);

test('a name of 60,000 characters takes no time', () => {
  const start = performance.now();
  expect(fit('name '.repeat(12_000), 11, 200)).toMatch(/^name .*\u2026$/);
  expect(performance.now() - start).toBeLessThan(200);
});
