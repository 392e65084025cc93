import { plural } from '../report/format.js';
import type { OpenStudy, StudyTables } from '../reproduce/studyFile/reproduceStudy.js';
import { markdownOf } from './textTable.js';

/** The tables of a study in Markdown, under a heading for each benchmark and part. */
export function studyText({ title, benchmarks, across }: StudyTables): string {
  const parts = benchmarks.flatMap(({ benchmark, part1, part2 }) => [
    { heading: `${benchmark}, Part I`, tables: part1 },
    { heading: `${benchmark}, Part II`, tables: part2 },
  ]);
  return [
    `# ${title}`,
    ...[...parts, { heading: 'Across benchmarks', tables: across }]
      .filter(({ tables }) => tables.length > 0)
      .flatMap(({ heading, tables }) => [`## ${heading}`, ...tables.map(markdownOf)]),
  ].join('\n\n');
}

/** The counts of a study's runs and records that are not there yet. */
export function openStudyText(open: readonly OpenStudy[]): string {
  const lines = open.map(({ benchmark, models, tuning, arms }) => {
    const records = models.flatMap(({ seed, records: lacked }) =>
      lacked.map((record) => `${record} ${seed}`),
    );
    const counts = [
      `${plural(models.length, 'seed')} of models (${plural(records.length, 'record')})`,
      `${plural(tuning.length, 'run')} of the tuning`,
      arms === null ? 'arms: known once these are finished' : `${plural(arms.length, 'run')} of arms`,
    ];
    return `  ${benchmark}: ${counts.join(', ')}`;
  });
  return ['Not recorded yet:', ...lines, 'Nothing was written.'].join('\n');
}
