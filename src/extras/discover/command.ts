import type { Command } from 'commander';
import { addJob } from '../../cli/job.js';
import { ENGINE, ownOptions, READING, SEED, settingsSet } from '../../cli/options.js';
import { nextLine } from '../../cli/printRun.js';
import { PROPERTIES_HELP, propertyFindings, propertyLines } from '../../cli/properties.js';
import { prose } from '../../cli/textTable.js';
import type { Dataset } from '../../data/dataset.js';
import type { JobOptions } from '../../progress.js';
import { quotedWord } from '../../provenance.js';
import { writeFileAlone } from '../../writeAlone.js';
import { discover, filesOf } from './discover.js';
import { boundText, classesOf, explorePage } from './page.js';
import { DISCOVER_SETTINGS, type DiscoverResult, NETWORK_SETTINGS } from './result.js';
import { judgeTest, registerTest } from './test.js';

const FILES = ownOptions<Readonly<Partial<Record<'data' | 'run' | 'out' | 'embeddings', string>>>>(
  (command) =>
    command
      .option('--data <folder>', 'dataset folder (default: the one that the run was trained on)')
      .option('--run <run>', 'run folder of the network whose images are ranked; or --weights')
      .option('--out <path>', 'files to write, without their ends (default: <data>.discover)')
      .option('--embeddings <file>', 'write the features as CSV, a row per image'),
);
const TEST_HELP = 'test what the ticked images share, on images that were not shown: register its name';
const QUESTIONS = ownOptions<
  { readonly properties: boolean } & Readonly<Partial<Record<'test' | 'class' | 'answers', string>>>
>((command) =>
  command
    .option('--properties', `${PROPERTIES_HELP}, and within a class with being wrong`, false)
    .option('--test <name>', TEST_HELP)
    .option('--class <name>', 'with --test: the class of the ticked images')
    .option('--answers <file>', 'with --test: the ticks that the test\u2019s page saved'),
);

export function addCommand(command: Command): void {
  addJob(
    command,
    [FILES, QUESTIONS, settingsSet({ ...DISCOVER_SETTINGS, ...NETWORK_SETTINGS }), ENGINE, SEED, READING],
    async ({ properties, test, class: name, answers, ...options }, output, control) => {
      if (test !== undefined) {
        const given = { class: name, out: filesOf(options), test };
        if (answers !== undefined) {
          const verdict = await judgeTest({ ...given, answers });
          output.result(prose(verdict.sentences, output).join('\n'), verdict);
          return;
        }
        const { page, plan, registered } = await registerTest(given);
        const counted = `${test} is registered, as number ${registered}: it counts in every later correction.`;
        const words = [given.out, '--test', test, '--class', name ?? ''].map(quotedWord).join(' ');
        const next = [
          `Tick the images of ${page}, and save.`,
          nextLine(`discover --out ${words} --answers FILE`),
        ];
        const text = [...prose([plan, counted], output), ...next].join('\n');
        output.result(text, { page, plan, registered });
        return;
      }
      const { result, dataset, out, show } = await discover({ ...control, ...options });
      const classes = classesOf(result, show);
      const findings = properties ? await propertiesOf(result, dataset, control) : undefined;
      const page = `${out}.html`;
      await writeFileAlone(page, await explorePage(result, dataset, classes));
      const lists = classes.flatMap((of) => [
        ...prose([`${of.name}: ${boundText(of.counts)}`], output),
        ...of.lowest
          .slice(0, LISTED)
          .map(({ path, margin }) => `  ${margin.toFixed(2).padStart(7)}  ${path}`),
      ]);
      const lines = [
        ...lists,
        ...prose(findings ? propertyLines(findings) : [], output),
        `Page: ${page}`,
        `Rows: ${out}.csv`,
        nextLine(`discover --out ${quotedWord(out)} --test NAME --class CLASS`),
        ...(options.run === undefined
          ? []
          : [nextLine(`train dfr --from ${quotedWord(options.run)} --ticks ticks.csv`)]),
      ];
      output.result(lines.join('\n'), {
        files: [page, `${out}.csv`, `${out}.json`],
        ...result,
        ...(findings && { properties: findings }),
        classes: classes.map((of) => ({ name: of.name, ...of.counts })),
      });
    },
  );
}

function propertiesOf({ images }: DiscoverResult, dataset: Dataset, job: JobOptions) {
  const indexOf = new Map(dataset.examples.map(({ filename }, index) => [filename, index]));
  const indices = Int32Array.from(images, ({ path }) => indexOf.get(path) as number);
  const isWrong = images.map(({ margin }) => margin <= 0);
  return propertyFindings(dataset, indices, job, isWrong);
}

/** Images of a class in a terminal's list. */
const LISTED = 5;
