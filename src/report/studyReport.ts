import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { StudyResult } from '../experiments/study.js';
import { SpurmemError, messageOf } from '../errors.js';
import { writeAtomic } from '../files.js';
import { renderChart } from './charts/render.js';
import { studyDots } from './charts/studyDots.js';
import { articleName, inArticleOrder } from './format.js';
import { htmlPage, type Section } from './html/page.js';
import { html } from './html/markup.js';
import { htmlTable } from './html/table.js';
import { chartFigure } from './sections/parts.js';
import { focusTable, studyRows, studyTable } from './tables/study.js';
import { studyVerdict } from './verdicts/study.js';

/** A measurement over seeds, as far as the report needs it to be one. */
const summarySchema = z.looseObject({ mean: z.number() });
/** What tells a study’s file from others in its folder. */
const studySchema = z.looseObject({
  ...{ kind: z.string(), title: z.string(), reference: z.string() },
  rows: z.array(
    z.looseObject({
      ...{ arm: z.string(), seeds: z.array(z.unknown()), difference: summarySchema.nullable() },
      ...{ valWorstGroupAccuracy: summarySchema, testWorstGroupAccuracy: summarySchema },
      testAverage: summarySchema,
    }),
  ),
});

/** A study as its file holds it. */
interface NamedStudy extends StudyResult {
  readonly kind: string;
  readonly title: string;
}

/**
 * Writes `report.html` and `figures` of a folder of studies from the studies' JSON files in it.
 *
 * @returns the report's path
 * @throws `RUN_INVALID` when a study's file is damaged, `OUTPUT_UNWRITABLE`
 */
export async function writeStudyReport(folder: string): Promise<string> {
  const studies = await readStudies(folder);
  const path = join(folder, 'report.html');
  const sections = await Promise.all(studies.map((study) => studySection(folder, study)));
  const lead = html`Fine-tuning against spurious memorization, after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). Checkpoints
    are selected by validation worst-group accuracy; the test split is read once for each.`;
  await writeAtomic(path, htmlPage('Part II: fine-tuning', lead, sections));
  return path;
}

async function readStudies(folder: string): Promise<NamedStudy[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort(inArticleOrder);
  const files = await Promise.all(names.map((name) => readStudy(join(folder, name))));
  return files.filter((file): file is NamedStudy => studySchema.safeParse(file).success);
}

async function readStudy(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new SpurmemError(
      'RUN_INVALID',
      `${path} is damaged: ${messageOf(error)}. Delete it and run its study again: what is trained is not trained again.`,
      { cause: error },
    );
  }
}

async function studySection(folder: string, study: NamedStudy): Promise<Section> {
  const chart = await renderChart(studyDots(study.title, study));
  await writeAtomic(join(folder, `${study.kind}.svg`), chart.svg);
  const focus = focusTable(study);
  return {
    id: study.kind,
    title: `${study.title} (${articleName(study.kind)})`,
    verdict: studyVerdict(study),
    data: [{ name: study.kind, rows: studyRows(study) }],
    body: html`${chartFigure(chart)} ${htmlTable(studyTable(study))} ${focus && htmlTable(focus)}`,
  };
}
