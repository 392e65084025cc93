/** The first value that a list repeats, compared as JSON; undefined if there is none. */
export function firstRepeated<Value>(values: readonly Value[]): Value | undefined {
  const texts = values.map((value) => JSON.stringify(value));
  return values.find((_, at) => texts.indexOf(texts[at] as string) !== at);
}
