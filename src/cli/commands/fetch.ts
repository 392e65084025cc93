import type { Command } from 'commander';
import { loadDataset } from '../../data/dataset.js';
import {
  DATASETS,
  type Fetchable,
  type FetchableDataset,
  type FetchableWeights,
  WEIGHTS,
} from '../../fetch/catalog.js';
import { fetchDataset, type Fetched, type FetchOptions, fetchWeights } from '../../fetch/fetch.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';
import { datasetTable, summarizeDataset } from '../tables.js';

interface FetchCommandOptions extends CommonOptions, Pick<FetchOptions, 'from' | 'sha256'> {
  readonly data: string;
  readonly out: string;
}

/** Adds a command for each data set, and one for each architecture’s weights. */
export function addCommand(fetch: Command): void {
  for (const [name, { title, terms }] of Object.entries(DATASETS)) {
    const command = fetch
      .command(name)
      .description(title)
      .option('--data <folder>', 'folder to unpack it to', `data/${name}`);
    addJob<FetchCommandOptions>(withSource(command, terms), async (options, output, control) => {
      const fetched = await fetchDataset(name as FetchableDataset, options.data, { ...options, ...control });
      const dataset = await loadDataset(fetched.path);
      const lines = [...describe(fetched), datasetTable(dataset, output)];
      output.result(lines.join('\n'), { ...fetched, dataset: summarizeDataset(dataset) });
    });
  }
  const weights = fetch.command('weights').description('ImageNet weights to start from');
  for (const [name, { title, terms, arch = name }] of Object.entries<Fetchable>(WEIGHTS)) {
    const command = weights
      .command(name)
      .description(title)
      .option('--out <folder>', 'folder of the file', 'data/weights');
    addJob<FetchCommandOptions>(withSource(command, terms), async (options, output, control) => {
      const fetched = await fetchWeights(name as FetchableWeights, options.out, { ...options, ...control });
      const lines = [...describe(fetched), `Start from them with --arch ${arch} --weights ${fetched.path}`];
      output.result(lines.join('\n'), fetched);
    });
  }
}

function withSource(command: Command, terms: string): Command {
  return addCommonOptions(
    command
      .option('--from <file or url>', 'a local copy or a mirror in place of the official address')
      .option('--sha256 <hex>', 'its expected SHA-256, or the first digits (default: the publishers’)'),
  ).addHelpText('after', `\nTerms: ${terms}.`);
}

function describe({ title, terms, source, bytes, sha256, isVerified, path }: Fetched): string[] {
  return [
    `${title}: ${path}`,
    `From ${source}, ${(bytes / 1e6).toFixed(1)} MB, SHA-256 ${sha256}${isVerified ? ' (checked)' : ' (not published: note it to compare, or pass it as --sha256)'}`,
    `Terms: ${terms}.`,
  ];
}
