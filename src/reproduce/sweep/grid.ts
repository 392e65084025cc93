/** Values of settings, by name. */
export type Grid = Readonly<Record<string, readonly unknown[]>>;
/** One value of each setting. */
export type Combination = Readonly<Record<string, unknown>>;

/** Every combination of a grid's values, the last setting varied first; one without settings of an empty grid. */
export function combinationsOf(grid: Grid): Combination[] {
  return Object.entries(grid).reduce<Combination[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** Settings as a part of a folder's path: `lr=0.001-batchSize=32`. */
export function folderName(settings: Combination): string {
  return Object.entries(settings)
    .map(([name, value]) => {
      const text = value === undefined ? 'none' : JSON.stringify(value);
      // Paths, such as that of a weights file, must not become folders.
      return `${name}=${text.replaceAll('"', '').replace(/[^\w.=+,-]+/g, '_')}`;
    })
    .join('-');
}
