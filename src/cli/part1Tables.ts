import { ARTICLE_TABLES, articleTable } from '../report/articleTables.js';
import { groupLabels } from '../report/groups.js';
import { part1Plans } from '../reproduce/articleFigures.js';
import { isNeeded } from '../reproduce/figureRows.js';
import type { Part1Result } from '../reproduce/part1.js';
import { textTable } from './textTable.js';
import { trainingTables, layerTables, overlapTables, traceTables } from './tables.js';

/** What was reproduced, as text: the article's tables where they were asked for, and each figure's numbers. */
export function part1Tables({ dataset, figures, traces }: Part1Result, color: boolean): string[] {
  const groups = groupLabels(dataset.groupNames, dataset.minorityGroups);
  const plans = part1Plans([
    ...new Set(traces.unstructured.flatMap(({ entries }) => entries.map(({ sigma }) => sigma ?? 0))),
  ]);
  // Every perturbation takes the same neurons.
  let hasNeurons = true;
  return figures.flatMap(({ kind, title }) => {
    const heading = `${kind}: ${title}`;
    const name = ARTICLE_TABLES.find((table) => table === kind);
    if (name) {
      const table = articleTable(name, traces.unstructured, groups);
      return table ? [table.caption, textTable(table.columns, table.rows)] : [];
    }
    if (kind === 'fig1') return traces.erm ? [heading, trainingTables(dataset, traces.erm, color)] : [];
    if (kind === 'fig3') return traces.overlap ? [heading, overlapTables(dataset, traces.overlap)] : [];
    if (kind === 'fig7') return traces.structured ? [heading, layerTables(dataset, traces.structured)] : [];
    return traces.unstructured.flatMap((trace) => {
      const entries = trace.entries.filter((entry) =>
        plans[kind].traces.some((need) => isNeeded(trace, entry, need)),
      );
      if (entries.length === 0) return [];
      const tables = traceTables(dataset, { ...trace, entries }, color, hasNeurons);
      hasNeurons = false;
      return [heading, tables];
    });
  });
}
