import fc from 'fast-check';

/** Characters that mean something in a table, and some that do not. */
const CHARACTERS = Array.from('01239-+. ,"\'\n\r\t/\\ax_=\0\uFEFF\u00e9');

/** Up to three random changes of a text's characters and lines, often none. */
export function mutations(): fc.Arbitrary<(text: string) => string> {
  const position = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const character = fc.constantFrom(...CHARACTERS);
  const at = (text: string, where: number) => Math.floor(where * text.length);
  const ofLines = (change: (lines: string[], index: number, other: number) => void) =>
    fc.tuple(position, position).map(([where, there]) => (text: string) => {
      const lines = text.split('\n');
      change(lines, Math.floor(where * lines.length), Math.floor(there * lines.length));
      return lines.join('\n');
    });
  const mutation = fc.oneof(
    fc.tuple(position, character).map(
      ([where, put]) =>
        (text: string) =>
          text.slice(0, at(text, where)) + put + text.slice(at(text, where)),
    ),
    fc.tuple(position, character).map(
      ([where, put]) =>
        (text: string) =>
          text.slice(0, at(text, where)) + put + text.slice(at(text, where) + 1),
    ),
    position.map(
      (where) => (text: string) => text.slice(0, at(text, where)) + text.slice(at(text, where) + 1),
    ),
    position.map((where) => (text: string) => text.slice(0, at(text, where))),
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
