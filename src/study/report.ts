import { join } from 'node:path';
import { writeCsv } from '../csvFile.js';
import { makeFolder, writeAtomic } from '../files.js';
import { csvRows } from '../kit/rows.js';
import type { Section } from '../report/figure.js';
import { plural } from '../report/format.js';
import { groupLabels } from '../report/groupLabels.js';
import { chartFigure, html, htmlTable } from '../report/html/html.js';
import { drawPage } from '../report/html/page.js';
import { modelsSection } from '../report/models.js';
import type { NamedChart } from '../report/vega/render.js';
import { readRunData } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import { completeArms } from './armTables.js';
import { armChart, modelCharts } from './charts.js';
import { figuresOver } from './figures.js';
import { PARTS } from './parts.js';
import { pooled, rounded } from './records.js';
import { type Study, testsOf } from './schema.js';
import { setsOf, type StudySection, studyTables } from './tables.js';

/** Space around a chart's own file, for viewers with wider letters than the layout assumes. */
const MARGIN = 40;

/**
 * Writes a page with the charts and tables of a study's recorded results, `report.html`, and each chart as a file. Returns the page's path.
 * Throws `RUN_EXISTS` if results were recorded with other settings, `OUTPUT_UNWRITABLE`.
 *
 * @param folder the output folder; default: the folder of the study's runs
 * @param wanted some of its data sets; default: all, and pools in place of their members
 * @param made their tables, if they are made already
 */
export async function writeStudyReport(
  study: Study,
  folder = study.runs,
  wanted?: readonly string[],
  made?: readonly StudySection[],
): Promise<string> {
  const sets = new Map(setsOf(study, wanted));
  const sections: Section[] = [];
  for (const { name, part, heading, tables } of made ?? (await studyTables(study, wanted))) {
    const charts = await chartsOf(study, part, name, sets.get(name) ?? []);
    sections.push({
      id: heading.toLowerCase().replace(/[^a-z\d]+/g, '-'),
      title: heading,
      charts,
      prose: (drawn) => html`${charts.map((chart) => chartFigure(drawn(chart)))} ${tables.map(htmlTable)}`,
    });
  }
  for (const [name, members] of sets) {
    for (const { run, row, ...figure } of await figuresOver(study, members)) {
      const groups = groupLabels(await readRunData(await openRun(run)));
      const { id, title, ...section } = modelsSection(figure, groups);
      sections.push({ ...section, id: `${name}-${id}`, title: `${title}: ${row} on ${name}` });
    }
  }
  const lead = html`A study of ${plural(Object.keys(study.arms).length, 'arm')} on
    ${Object.keys(study.data).join(', ')}, after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025).`;
  const { page, figures } = await drawPage(study.title, lead, sections);
  await makeFolder(folder);
  for (const [name, members] of sets) {
    for (const part of PARTS) {
      const rows = (await part.rows?.(pooled(study.recordsFolder, name, members))) ?? [];
      if (rows.length > 0)
        await writeCsv(join(folder, `${name}-${part.name}.csv`), csvRows(rows.map(rounded)));
    }
  }
  for (const { name, svg } of figures) await writeAtomic(join(folder, name), standalone(svg));
  const path = join(folder, 'report.html');
  await writeAtomic(path, page);
  return path;
}

async function chartsOf(
  study: Study,
  part: StudySection['part'],
  name: string,
  members: readonly string[],
): Promise<NamedChart[]> {
  const records = pooled(study.recordsFolder, name, members);
  if (part === 'models') return modelCharts(study, records);
  if (part === 'arms') return armChart(study, name, (await completeArms(study, members)).complete);
  const other = PARTS.find((one) => one.name === part);
  return other?.charts(testsOf(study, other), records) ?? [];
}

/** Returns a chart as a file, with a margin and a background. */
function standalone(svg: string): string {
  const widened = svg.replace(
    / width="([\d.]+)" height="([\d.]+)" viewBox="[^"]*"/,
    (_size, width: string, height: string) => {
      const whole = Number(width) + 2 * MARGIN;
      return ` width="${whole}" height="${height}" viewBox="${-MARGIN} 0 ${whole} ${height}" style="background: white"`;
    },
  );
  return `${widened}\n`;
}
