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
import { ownOptions } from '../options.js';
import { datasetTable, summarizeDataset } from '../tables.js';

const SOURCE = ownOptions<Pick<FetchOptions, 'from' | 'sha256'>>((command) =>
  command
    .option('--from <file or url>', 'a local copy or a mirror in place of the official address')
    .option('--sha256 <hex>', 'its expected SHA-256, or the first digits (default: the publishers’)'),
);

/** Adds a command for each data set, and one for each architecture’s weights. */
export function addCommand(fetch: Command): void {
  for (const [name, { title, terms }] of Object.entries(DATASETS)) {
    const command = fetch.command(name).description(title).addHelpText('after', `\nTerms: ${terms}.`);
    const folder = ownOptions<{ readonly data: string }>((own) =>
      own.option('--data <folder>', 'folder to unpack it to', `data/${name}`),
    );
    addJob(command, [folder, SOURCE], async ({ data, ...given }, output, control) => {
      const fetched = await fetchDataset(name as FetchableDataset, data, { ...given, ...control });
      const dataset = await loadDataset(fetched.path);
      const lines = [...describe(fetched), datasetTable(dataset, output)];
      output.result(lines.join('\n'), { ...fetched, dataset: summarizeDataset(dataset) });
    });
  }
  const weights = fetch.command('weights').description('ImageNet weights to start from');
  for (const [name, { title, terms, arch = name }] of Object.entries<Fetchable>(WEIGHTS)) {
    const command = weights.command(name).description(title).addHelpText('after', `\nTerms: ${terms}.`);
    const folder = ownOptions<{ readonly out: string }>((own) =>
      own.option('--out <folder>', 'folder of the file', 'data/weights'),
    );
    addJob(command, [folder, SOURCE], async ({ out, ...given }, output, control) => {
      const fetched = await fetchWeights(name as FetchableWeights, out, { ...given, ...control });
      const lines = [...describe(fetched), `Start from them with --arch ${arch} --weights ${fetched.path}`];
      output.result(lines.join('\n'), fetched);
    });
  }
}

function describe({ title, terms, source, bytes, sha256, isVerified, path }: Fetched): string[] {
  return [
    `${title}: ${path}`,
    `From ${source}, ${(bytes / 1e6).toFixed(1)} MB, SHA-256 ${sha256}${isVerified ? ' (checked)' : ' (not published: note it to compare, or pass it as --sha256)'}`,
    `Terms: ${terms}.`,
  ];
}
