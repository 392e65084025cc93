import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { SpurmemError } from '../../errors.js';
import { writeAtomic } from '../../files.js';
import { quotedWord } from '../../provenance.js';
import { isFile } from '../../train/runFolder.js';
import { type Answers, type Ask, type Interview, interview } from '../interview.js';
import { addJob } from '../job.js';
import { addCommonOptions, addDatasetOption, type CommonOptions } from '../options.js';
import { datasetTable, summarizeDataset } from '../tables.js';

interface InitOptions extends CommonOptions, Answers {
  readonly out: string;
}

export function addCommand(command: Command): void {
  command
    .option('--data <folder>', 'folder of the images')
    .option('--class <column>', 'what is predicted: a column of the table, or an attribute of CelebA')
    .option('--attribute <column>', 'what may mislead: a column, a CSV file of image folders, or none')
    .option('--arch <name>', 'model (default: resnet18)');
  addDatasetOption(addDatasetOption(command, 'table'), 'heldOut').option(
    '--out <file>',
    'file of settings to write',
    'spurmem.yaml',
  );
  addJob<InitOptions>(addCommonOptions(command), async ({ out, ...given }, output, { signal }) => {
    if (await isFile(out)) {
      const advice = ['Choose another `out`, or remove it.'];
      throw new SpurmemError('RUN_EXISTS', `${out} is there already. Nothing was changed.`, {
        parameter: 'out',
        value: out,
        advice,
      });
    }
    const found = await asking(signal, (ask) => interview(given, ask));
    await writeAtomic(out, settingsText(found));
    const { dataset, options } = found;
    const file = quotedWord(out);
    output.result(
      [
        datasetTable(dataset, output),
        `Settings: ${out}`,
        'Next:',
        `  npx spurmem train erm --config ${file} --dry-run   # what it will take`,
        `  npx spurmem train erm --config ${file} --out runs/first`,
        '  npx spurmem reproduce fig2 --run runs/first        # its neurons, and a report',
        '  npx spurmem neurons --run runs/first               # the images to which they answer',
      ].join('\n'),
      { settings: out, options, dataset: summarizeDataset(dataset) },
    );
  });
}

/** Runs a job that may ask on the terminal, if there is one. Throws `INTERRUPTED` when the terminal is closed meanwhile. */
async function asking<Result>(
  signal: AbortSignal | undefined,
  job: (ask: Ask | undefined) => Promise<Result>,
): Promise<Result> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return job(undefined);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<never>((_resolve, reject) => {
    const stop = (): void => {
      reject(new SpurmemError('INTERRUPTED', 'Stopped: nothing was written.'));
    };
    terminal.once('close', stop);
    signal?.addEventListener('abort', stop);
  });
  closed.catch(() => undefined);
  try {
    return await job(async (question, fallback) => {
      const answer = await Promise.race([terminal.question(`${question} [${fallback}]: `), closed]);
      return answer.trim() === '' ? fallback : answer.trim();
    });
  } finally {
    terminal.close();
  }
}

/** The file of settings: what was asked, and what one would change next. */
function settingsText({ options }: Interview): string {
  return [
    '# Settings for `npx spurmem train erm --config`; with --help it lists all of them. Flags win over this file.',
    stringify(options).trimEnd(),
    '# The article\u2019s recipe is the default: 100 epochs of 256 images from random weights.',
    `# weights: data/weights/FILE   # npx spurmem fetch weights ${String(options.arch)} fetches ImageNet\u2019s`,
    '# epochs: 20',
    '# batchSize: 64',
    '',
  ].join('\n');
}
