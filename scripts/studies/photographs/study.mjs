// The study of studies/photographs/ that the scripts beside this one read, and how they print and draw.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdown } from '#src/cli/textTable.js';
import { renderChart } from '#src/report/vega/render.js';
import { readStudy } from '#src/reproduce/studyFile/schema.js';

/** For readers whose letters are wider than those that a chart was laid out for. */
const MARGIN = 40;

/** Relative to the working directory. */
export const study = await readStudy(join('studies', 'photographs', 'study.yaml'));

/** Prints a table in Markdown. */
export function printTable(caption, columns, rows) {
  const texts = rows.map((row) => row.map(String));
  console.log(`\n${caption}\n\n${markdown(columns, texts)}`);
}

/** Draws a chart (a ChartSpec) as a file of its own beside the tables; it has no page around it. */
export async function writeChart(name, chart) {
  const { svg } = await renderChart(chart);
  const widened = svg.replace(
    / width="([\d.]+)" height="([\d.]+)" viewBox="[^"]*"/,
    (_size, width, height) =>
      ` width="${Number(width) + 2 * MARGIN}" height="${height}" viewBox="${-MARGIN} 0 ${Number(width) + 2 * MARGIN} ${height}" style="background: white"`,
  );
  writeFileSync(join(study.recordsFolder, `${name}.svg`), `${widened}\n`);
}
