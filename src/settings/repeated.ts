/** The first value that stands twice in a list, by what JSON says of it; undefined where none does. */
export function firstRepeated<Value>(values: readonly Value[]): Value | undefined {
  const texts = values.map((value) => JSON.stringify(value));
  return values.find((_, at) => texts.indexOf(texts[at] as string) !== at);
}
