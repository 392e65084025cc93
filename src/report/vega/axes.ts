/** The encoding of names as rows, in the order of the data. */
export const NAMED_ROWS = {
  type: 'nominal' as const,
  sort: null,
  axis: { title: null, labelLimit: 0, grid: false },
};

export const TOP_LEGEND = { title: null, orient: 'top' as const };

export function quantitative(field: string) {
  return { field, type: 'quantitative' as const };
}

/** A layer of marks of one type, by their look and encoding. */
export function layer<Type extends string, Look extends object, Encoding>(
  type: Type,
  look: Look,
  encoding: Encoding,
) {
  return { mark: { type, ...look }, encoding };
}
