/** User text with spaces for control characters, bidirectional overrides and halves of surrogate pairs, which break lines and XML. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]+/gu, ' ').trim();
}

/** Escapes what begins a link, an element or code in Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`<]|\](?=\()/g, String.raw`\$&`);
}

export function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Breaks a text into lines of at most `width` characters: at spaces, else after `_`, `/` or `-`, else anywhere. */
export function wrap(text: string, width: number): string[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return fill(
    words.flatMap((word) => (word.length <= width ? [word] : breakWord(word, width))),
    ' ',
    width,
  );
}

function breakWord(word: string, width: number): string[] {
  const parts = (word.match(/[^_/-]+[_/-]*|[_/-]+/g) ?? []).flatMap((part) =>
    chunks(Array.from(part), width),
  );
  return fill(parts, '', width);
}

function chunks(characters: readonly string[], width: number): string[] {
  const count = Math.ceil(characters.length / width);
  return Array.from({ length: count }, (_, at) => characters.slice(at * width, (at + 1) * width).join(''));
}

/** Joins parts as long as they fit on a line. */
function fill(parts: readonly string[], separator: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const joined = last === undefined ? undefined : `${last}${separator}${part}`;
    if (joined !== undefined && joined.length <= width) lines[lines.length - 1] = joined;
    else lines.push(part);
  }
  return lines;
}
