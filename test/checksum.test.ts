import { withChecksum, withoutChecksum } from '../src/checksum.js';
import { jsonText } from '../src/files.js';

const value = { name: 'a\n"checksum"', list: [1, 2] };

test.each([JSON.stringify(value), jsonText(value)])(
  'is the first key of an object, and goes again',
  (json) => {
    const text = withChecksum(json);
    expect(JSON.parse(text)).toEqual({
      checksum: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
      ...value,
    });
    expect(Object.keys(JSON.parse(text) as object)[0]).toBe('checksum');
    expect(withoutChecksum(text)).toBe(json);
    expect(withoutChecksum(json)).toBe(json);
  },
);

test('a changed bit is found, unless the content stays the same', () => {
  const text = withChecksum(jsonText(value));
  const read = (changed: string): unknown => JSON.parse(withoutChecksum(changed));
  let found = 0;
  for (let bit = 0; bit < 8 * text.length; bit += 1) {
    const bytes = Buffer.from(text);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      // A key of another name, whose value is the checksum, changes nothing.
      expect(read(bytes.toString())).toMatchObject(value);
    } catch (error) {
      expect(error).toMatchObject({ message: expect.stringMatching(/changed since|JSON/) as string });
      found += 1;
    }
  }
  expect(found).toBeGreaterThan(0.75 * 8 * text.length);
});
