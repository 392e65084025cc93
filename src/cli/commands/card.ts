import { copyFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { SpurmemError } from '../../errors.js';
import { makeFolder, sha256Of, unwritable, writeAtomic, writeJson } from '../../files.js';
import { isFile } from '../../train/runFolder.js';
import { epochsTable } from '../../train/runWriter.js';
import { type CardFacts, cardFacts, type CardRun, publicConfig } from '../cardFacts.js';
import { cardText } from '../cardText.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface CardOptions extends CommonOptions {
  readonly run: readonly string[];
  readonly out?: string;
  readonly weights: boolean;
}

export function addCommand(command: Command): void {
  command
    .requiredOption(
      '--run <run...>',
      'run folder of a finished run, or those of several seeds of the same settings',
    )
    .option('--out <folder>', 'folder to write (default: card in the run folder, or beside several)')
    .option('--no-weights', 'leave the weights out');
  addJob<CardOptions>(addCommonOptions(command), async ({ run, out, weights }, output) => {
    const facts = await cardFacts(run);
    const [{ folder }] = facts.runs;
    const beside = facts.runs.length > 1 ? dirname(folder.path) : folder.path;
    const path = resolve(out ?? join(beside, 'card'));
    const files = await writeCard(path, facts, weights);
    output.result(
      [
        `Card: ${join(path, 'README.md')}`,
        `Fill in the blanks there before you publish the folder: ${files.join(', ')}`,
      ].join('\n'),
      { card: path, files },
    );
  });
}

/**
 * Writes a card's folder: README.md, each run's weights, configuration, epochs and result, and checksums of all of them. Throws
 * `RUN_EXISTS` where there is a README.md already.
 */
async function writeCard(path: string, facts: CardFacts, hasWeights: boolean): Promise<string[]> {
  const readme = join(path, 'README.md');
  if (await isFile(readme)) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${readme} is there already, and what was filled in would be lost. Nothing was changed.`,
      { parameter: 'out', value: path, advice: ['Choose another `out`, or move that file away.'] },
    );
  }
  const placeOf = ({ config }: CardRun): string => (facts.runs.length > 1 ? `seed-${config.seed}/` : '');
  await makeFolder(path);
  const files: string[] = [];
  for (const run of facts.runs) {
    const place = join(path, placeOf(run));
    await makeFolder(place);
    const name = (file: string): string => {
      files.push(relative(path, join(place, file)));
      return join(place, file);
    };
    await writeJson(name('config.json'), publicConfig(run));
    await writeJson(name('result.json'), run.result);
    const epochs = await run.folder.readMetrics();
    if (epochs.length > 0) await writeAtomic(name('metrics.csv'), epochsTable(epochs, facts.data.groupNames));
    if (hasWeights) await copy(run.weights, name('model.safetensors'));
  }
  await writeAtomic(readme, cardText(facts, placeOf, hasWeights));
  files.unshift('README.md');
  const sums = await Promise.all(files.map(async (file) => `${await sha256Of(join(path, file))}  ${file}\n`));
  await writeAtomic(join(path, 'SHA256SUMS'), sums.join(''));
  return [...files, 'SHA256SUMS'];
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((error: unknown) => {
    throw unwritable(error, to);
  });
}
