import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SpurmemError } from '../../errors.js';
import type { StudyDifference, StudyResult } from '../../experiments/study.js';
import { readCheckedJson, writeAtomic } from '../../files.js';
import * as z from '../../zod.js';
import type { Section } from '../figure.js';
import { articleName, inArticleOrder, plural, probability, pText, range, sideOf, signed } from '../format.js';
import { chartFigure, html, htmlTable } from '../html/html.js';
import { drawPage } from '../html/page.js';
import { studyDots } from './dots.js';
import { focusTable, studyRows, studyTable } from './tables.js';

const summarySchema = z.looseObject({ mean: z.number() });
/** The shape that tells a study’s file from others in its folder. */
const studySchema = z.looseObject({
  kind: z.string(),
  title: z.string(),
  reference: z.string(),
  rows: z.array(
    z.looseObject({
      arm: z.string(),
      seeds: z.array(z.unknown()),
      difference: summarySchema.nullable(),
      valWorstGroupAccuracy: summarySchema,
      testWorstGroupAccuracy: summarySchema,
      testAverage: summarySchema,
    }),
  ),
});

interface NamedStudy extends StudyResult {
  readonly kind: string;
  readonly title: string;
}

/**
 * Writes `report.html` and the charts of a folder of studies from the studies' JSON files in it. Returns the report's path. Throws
 * `RUN_INVALID` when a study's file is damaged, `OUTPUT_UNWRITABLE`.
 */
export async function writeStudyReport(folder: string): Promise<string> {
  const sections = (await readStudies(folder)).map(showStudy);
  const lead = html`Fine-tuning against spurious memorization, after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). The test
    split is read once for each run.`;
  const { page, figures } = await drawPage('Part II: fine-tuning', lead, sections);
  for (const { name, svg } of figures) await writeAtomic(join(folder, name), svg);
  const path = join(folder, 'report.html');
  await writeAtomic(path, page);
  return path;
}

async function readStudies(folder: string): Promise<NamedStudy[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort(inArticleOrder);
  const files = await Promise.all(names.map((name) => readStudy(join(folder, name))));
  return files.filter((file): file is NamedStudy => studySchema.safeParse(file).success);
}

async function readStudy(path: string): Promise<unknown> {
  try {
    return await readCheckedJson(path);
  } catch (error) {
    throw new SpurmemError(
      'RUN_INVALID',
      `${path} is damaged: ${messageOf(error)}. Delete it and run its study again: what is trained is not trained again.`,
      { cause: error },
    );
  }
}

function showStudy(study: NamedStudy): Section {
  const chart = { name: study.kind, ...studyDots(study.title, study) };
  const focus = focusTable(study);
  const tables = [studyTable(study), ...(focus ? [focus] : [])];
  return {
    id: study.kind,
    title: `${study.title} (${articleName(study.kind)})`,
    verdict: studyVerdict(study),
    charts: [chart],
    data: { name: study.kind, rows: studyRows(study) },
    prose: (drawn) => html`${chartFigure(drawn(chart))} ${tables.map(htmlTable)}`,
  };
}

/** Which rows of a study differ from its reference beyond their interval, and which are shown to be equivalent. */
export function studyVerdict({ rows, reference, focus }: StudyResult): string[] {
  const compared = rows.flatMap(({ arm, difference }) => (difference ? [{ arm, difference }] : []));
  const seeds = rows[0]?.seeds.length ?? 0;
  if (seeds < 2) return ['One seed: its differences have no interval, and show nothing.'];
  return [
    ...beyond(compared, `${reference}, over ${plural(seeds, 'seed')}`),
    ...(focus
      ? beyond(
          focus.against.map(({ arm, difference }) => ({ arm: `${focus.arm} minus ${arm}`, difference })),
          'the others',
          'What sets it apart',
        )
      : []),
  ];
}

interface ComparedArm {
  readonly arm: string;
  readonly difference: StudyDifference;
}

function beyond(arms: readonly ComparedArm[], other: string, opening?: string): string[] {
  if (arms.length === 0) return [];
  const differs = arms.filter(({ difference: { interval } }) => interval && sideOf({ interval }) !== 'both');
  const equivalent = arms.filter(({ difference }) => difference.equivalence?.equivalent === true);
  const rest = arms.filter((arm) => !differs.includes(arm) && !equivalent.includes(arm));
  const first =
    differs.length === 0
      ? `No row differs from ${other} beyond its 95 % interval (${plural(arms.length, 'row')}).`
      : `Beyond their 95 % interval differ from ${other}: ${differs.map(inWords).join('; ')}.`;
  return [
    opening === undefined ? first : `${opening}: ${first.charAt(0).toLowerCase()}${first.slice(1)}`,
    ...(equivalent.length > 0
      ? [`Equivalent within the declared margin: ${equivalent.map(({ arm }) => arm).join('; ')}.`]
      : []),
    ...(rest.length > 0 && differs.length > 0
      ? [`Neither shown to differ nor to be equivalent: ${rest.map(({ arm }) => arm).join('; ')}.`]
      : []),
  ];
}

function inWords({ arm, difference: { mean, interval, signFlip, signFlipHolm } }: ComparedArm): string {
  const p = signFlip ? `, sign flips ${pText(signFlip.pValue)}` : '';
  const holm = signFlipHolm === null ? '' : `, after Holm’s correction ${probability(signFlipHolm)}`;
  return `${arm} (${signed(mean)}, ${interval ? range(interval) : ''}${p}${holm})`;
}
