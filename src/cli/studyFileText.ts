import { quotedWord } from '../provenance.js';
import { plural } from '../report/format.js';
import type { ArmCard } from '../reproduce/studyFile/cards.js';
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

/** The cards of a benchmark's arms in Markdown, without weights: those of one's own runs are `card`'s. */
export function studyCardsText(
  { title, study }: { readonly title: string; readonly study: string },
  { benchmark, cards }: { readonly benchmark: string; readonly cards: readonly ArmCard[] },
): string {
  const command = `npx spurmem reproduce study --study ${quotedWord(study)} --benchmark ${quotedWord(benchmark)}`;
  const lead =
    `Every recorded run, arm by arm. \`${command}\` repeats what is not recorded, once its data is there; seeds draw the last layer ` +
    'and the order of the data.';
  const parts = cards.flatMap(({ arm, settings, runs }) => [
    `## ${arm}`,
    ...[...settings, ...runs].map(markdownOf),
  ]);
  return `${[`# ${title}: ${benchmark}`, lead, ...parts].join('\n\n')}\n`;
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
