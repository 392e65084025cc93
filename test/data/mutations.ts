import fc from 'fast-check';

/** Characters that mean something in a table, and some that do not. */
const CHARACTERS = Array.from('01239-+. ,"\'\n\r\t/\\ax_=\0\uFEFF\u00e9');

/** Up to three random changes of a text's characters and lines, often none. */
export function mutations(): fc.Arbitrary<(text: string) => string> {
  const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const character = fc.constantFrom(...CHARACTERS);
  /** Some text in place of so many characters. */
  const ofText = (length: number, texts: fc.Arbitrary<string>) =>
    fc.tuple(position, texts).map(([where, put]) => (text: string) => {
      const at = Math.floor(where * text.length);
      return text.slice(0, at) + put + text.slice(at + length);
    });
  const ofLines = (change: (lines: string[], index: number, other: number) => void) =>
    fc.tuple(position, position).map(([where, there]) => (text: string) => {
      const lines = text.split('\n');
      change(lines, Math.floor(where * lines.length), Math.floor(there * lines.length));
      return lines.join('\n');
    });
  const mutation = fc.oneof(
    ofText(0, character),
    ofText(1, character),
    ofText(1, fc.constant('')),
    ofText(Infinity, fc.constant('')),
    ofLines((lines, index) => lines.splice(index, 1)),
    ofLines((lines, index, other) => lines.splice(other, 0, lines[index] ?? '')),
    ofLines((lines, index, other) => {
      [lines[index], lines[other]] = [lines[other] ?? '', lines[index] ?? ''];
    }),
  );
  return fc
    .array(mutation, { maxLength: 3 })
    .map((list) => (text: string) => list.reduce((changed, mutate) => mutate(changed), text));
}
