// How the charts of studies/photographs/ are written.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderChart } from '#src/report/vega/render.js';
import { study } from './study.mjs';

/** For readers whose letters are wider than those that a chart was laid out for. */
const MARGIN = 40;

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
