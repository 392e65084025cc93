// Charts of studies, as files of their own.
import { writeFileSync } from 'node:fs';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { renderChart } from '#src/report/vega/render.js';
import { meanText } from '#src/study/cells.js';

/** For readers whose letters are wider than those that a chart was laid out for. */
const MARGIN = 40;

/** Draws a chart (a ChartSpec) into a file; it has no page around it. */
export async function writeChart(path, chart) {
  const { svg } = await renderChart(chart);
  const widened = svg.replace(
    / width="([\d.]+)" height="([\d.]+)" viewBox="[^"]*"/,
    (_size, width, height) =>
      ` width="${Number(width) + 2 * MARGIN}" height="${height}" viewBox="${-MARGIN} 0 ${Number(width) + 2 * MARGIN} ${height}" style="background: white"`,
  );
  writeFileSync(path, `${widened}\n`);
}

/** A row of a dot chart: a dot a model, their mean and its 95 % interval. */
export function modelRow(name, values, decimals) {
  const { mean, interval } = summarizeSeeds(values);
  const dots = values.map((value) => ({ value, tip: `${name}: ${value.toFixed(decimals)}` }));
  return { name, mean, interval, dots, tip: `${name}: ${meanText(values, decimals)}` };
}
