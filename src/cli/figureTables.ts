import { articleName } from '../report/format.js';
import type { ReproducedFigure } from '../reproduce/figureFiles.js';
import { textTable } from './textTable.js';

/** What was reproduced, as text: each figure's numbers. A table that several figures share is printed once. */
export function figureTables(
  figures: readonly Pick<ReproducedFigure, 'kind' | 'title' | 'tables'>[],
  color: boolean,
): string[] {
  const printed = new Set<string>();
  return figures.flatMap(({ kind, title, tables }) => {
    const texts = tables.map((table) => textTable(table, { color })).filter((text) => !printed.has(text));
    for (const text of texts) printed.add(text);
    return texts.length > 0 ? [`${articleName(kind)}: ${title}`, ...texts] : [];
  });
}
