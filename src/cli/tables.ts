import { type Dataset, emptyGroups } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import type { Table } from '../kit/table.js';
import type { JobOptions } from '../progress.js';
import { articleName } from '../report/format.js';
import { groupLabels } from '../report/groupLabels.js';
import { countTable } from '../report/sections/data.js';
import { withAttribute } from '../report/sections/shortcut.js';
import { plain } from '../report/text.js';
import { enlargement, inputLine, inputRecord } from '../train/inputRecord.js';
import { TRAINING_METHODS } from '../train/methods.js';
import { readRunData } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import type { Output } from './output.js';
import { type PropertyFinding, propertyLines } from './properties.js';
import { prose, textTable } from './textTable.js';

/** Returns a run's data, the labels of its groups, its folder, and what the commands that follow depend on. */
export async function openGroups(run: string) {
  const opened = await openRun(run);
  const { folder, environment } = opened;
  const dataset = await readRunData(opened);
  return {
    groups: groupLabels(dataset),
    /** With the attribute's name. */
    dataset: withAttribute(dataset, environment.dataOptions),
    folder,
    hasAttribute: dataset.spuriousNames.length > 1,
    /** The run to compare with. */
    from: environment.from,
  };
}

/** Prints a dataset and what networks are fed by default; if a split lacks examples of a group, warns of the methods that need each. */
export async function printDataset(
  dataset: Dataset,
  output: Output,
  { onWarning }: JobOptions,
  properties?: readonly PropertyFinding[],
): Promise<void> {
  if (dataset.leftOut !== undefined) onWarning?.(dataset.leftOut);
  const problem = emptyGroups(dataset);
  if (problem !== undefined) onWarning?.(`${problem} ${usesOf(dataset)}`);
  const input = await inputRecord({ dataset });
  const enlarged = enlargement(dataset.preprocessing, input);
  if (enlarged !== undefined) onWarning?.(enlarged.replace('`imageSize`', '--image-size'));
  const told = [inputLine(dataset.preprocessing, input), ...(properties ? propertyLines(properties) : [])];
  const lines = [datasetTable(dataset, output), ...prose(told, output)];
  output.result(lines.join('\n'), { ...summarizeDataset(dataset), input, ...(properties && { properties }) });
}

/** Returns a sentence on what data without examples of every group can be used for. */
function usesOf({ counts, splits }: Dataset): string {
  if (SPLITS.some((split) => splits[split].length === 0)) {
    return 'Training needs images in each split: add them, or hold out a share of the training images with `heldOut`.';
  }
  const refusing = TRAINING_METHODS.filter(({ needsGroupsIn: split }) => split && counts[split].includes(0));
  const names = refusing.map(({ name }) => name).join(', ');
  const methods =
    names === '' ? 'Every method trains' : `All methods train except ${names}, which need each group`;
  return `${methods}. Accuracies and traces take the groups that a split has.`;
}

/** Returns the JSON document of a dataset. */
export function summarizeDataset(dataset: Dataset): object {
  return {
    name: dataset.name,
    folder: dataset.folder,
    fingerprint: dataset.fingerprint,
    targetNames: dataset.targetNames,
    spuriousNames: dataset.spuriousNames,
    groupNames: dataset.groupNames,
    minorityGroups: dataset.minorityGroups,
    counts: dataset.counts,
    preprocessing: dataset.preprocessing,
    coreRegion: dataset.coreRegion,
  };
}

/** Returns the number of examples of each group in each split. */
export function datasetTable(dataset: Dataset, output: Output): string {
  const { name, folder, counts } = dataset;
  const sums = SPLITS.map((split) => String(counts[split].reduce((sum, count) => sum + count, 0)));
  const table = { ...countTable(dataset), footer: [['all', '', ...sums, '']] };
  return `${plain(name)}: ${plain(folder)}\n${textTable(table, output)}`;
}

/** Returns the tables of figures, each under its figure's name. A table that several figures share is printed once. */
export function figureTables(
  figures: readonly { readonly kind: string; readonly title: string; readonly tables: readonly Table[] }[],
  output: Output,
): string[] {
  const printed = new Set<string>();
  return figures.flatMap(({ kind, title, tables }) => {
    const texts = tables.map((table) => textTable(table, output)).filter((text) => !printed.has(text));
    for (const text of texts) printed.add(text);
    return texts.length > 0 ? [`${articleName(kind)}: ${title}`, ...texts] : [];
  });
}
