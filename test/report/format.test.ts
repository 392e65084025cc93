import { fixed, percent, points, score, typographic } from '../../src/report/format.js';
import { html } from '../../src/report/html/html.js';
import { escapeMarkup, plain, wrap } from '../../src/report/text.js';
import { fit, textWidth } from '../../src/report/vega/textWidth.js';
import fc from '../property.js';

describe('numbers', () => {
  it.each([
    [percent(10 / 56), '17.86'],
    [percent(1), '100.00'],
    [percent(Number.NaN), '–'],
    [points(-6 / 56), '-10.71'],
    [points(1 / 56), '+1.79'],
    [points(-0), '0.00'],
    [points(-0.000001), '0.00'],
    [points(0.000001), '0.00'],
    [typographic(points(-0.5)), '−50.00'],
    [typographic('[-2, +3] of erm-2 and 18-25'), '[−2, +3] of erm-2 and 18-25'],
    [fixed(Number.POSITIVE_INFINITY, 2), '–'],
    [score(0.0421712), '0.04217'],
    [score(Number.NaN), '–'],
  ])('%s', (actual, expected) => {
    expect(actual).toBe(expected);
  });

  it('never print NaN or a negative zero', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        for (const text of [percent(value), points(value)]) expect(text).not.toMatch(/NaN|^[-+]0\.00$/);
      }),
    );
  });
});

describe('text', () => {
  it('loses what would break a line, a terminal or an XML file', () => {
    expect(plain(' a\u001b[1m\nb\u0000\u202e\ud800 ')).toBe('a [1m b');
    expect(plain('Größe 水鳥 🐦')).toBe('Größe 水鳥 🐦');
  });

  it('wraps at spaces, then inside long words, and loses nothing', () => {
    expect(wrap('waterbird on land background', 15)).toEqual(['waterbird on', 'land background']);
    expect(wrap('not_blond_hair_and_male', 15)).toEqual(['not_blond_hair_', 'and_male']);
    expect(wrap('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 20 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
        for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('markup', () => {
  it('escapes what is interpolated, and nests what is markup', () => {
    expect(html`<b>${'<&"\'>'}</b>${[html`<i>${1}</i>`, undefined]}`.text).toBe(
      '<b>&lt;&amp;&quot;&#39;&gt;</b><i>1</i>',
    );
  });

  it('leaves no character that could open a tag or close an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(escapeMarkup(text)).not.toMatch(/[<>"']/);
      }),
    );
  });
});

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

test('a name of 60,000 characters is cut', () => {
  expect(fit('name '.repeat(12_000), 11, 200)).toMatch(/^name .*\u2026$/);
});
