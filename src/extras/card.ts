import { copyFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { addJob } from '../cli/job.js';
import { ownOptions } from '../cli/options.js';
import { markdownOf, prose } from '../cli/textTable.js';
import type { DataDescription } from '../data/dataDescription.js';
import { SpurmemError } from '../errors.js';
import { compareRuns } from '../experiments/runs/compareRuns.js';
import { makeFolder, sha256Of, unwritable, writeAtomic, writeJson } from '../files.js';
import { groupCell, numbers, type Table } from '../kit/table.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { summarizeSeeds } from '../metrics/seeds.js';
import { quotedWord } from '../provenance.js';
import { fixed, percent, percentRange, plural } from '../report/format.js';
import { groupLabels, starNote } from '../report/groupLabels.js';
import { escapeMarkdown, plain } from '../report/text.js';
import { methodOfRun } from '../train/methods.js';
import type { TrainingResult } from '../train/results.js';
import { FORMAT_VERSION } from '../train/runConfig.js';
import { readRunData } from '../train/runData.js';
import { isFile, type OpenedRun, openRun } from '../train/runFolder.js';
import { epochsTable } from '../train/runWriter.js';

const OPTIONS = ownOptions<{
  readonly run: readonly string[];
  readonly out?: string;
  readonly weights: boolean;
}>((command) =>
  command
    .requiredOption(
      '--run <run...>',
      'run folder of a finished run, or those of several seeds of the same settings',
    )
    .option('--out <folder>', 'folder to write (default: card in the run folder, or next to several)')
    .option('--no-weights', 'leave the weights out'),
);

/** A finished run that a card describes. */
interface CardRun extends OpenedRun {
  readonly result: TrainingResult;
}

/** Runs that differ only in their seeds. */
type CardRuns = readonly [CardRun, ...CardRun[]];

export function addCommand(command: Command): void {
  addJob(command, [OPTIONS], async (options, output) => {
    const runs = await openRuns(options.run);
    const [{ folder }] = runs;
    const path = resolve(options.out ?? join(runs.length > 1 ? dirname(folder.path) : folder.path, 'card'));
    const files = await writeCard(path, runs, options.weights);
    const next = `Fill in the blanks there before you publish the folder: ${files.join(', ')}`;
    output.result([`Card: ${join(path, 'README.md')}`, ...prose([next], output)].join('\n'), {
      card: path,
      files,
    });
  });
}

/** Opens runs, by seed. Throws `USAGE` for runs that differ in more than their seeds, and `RUN_NOT_FOUND` for unfinished ones. */
async function openRuns(paths: readonly string[]): Promise<CardRuns> {
  if (paths.length > 1) await requireSeedsAlone(paths);
  const runs = await Promise.all(
    paths.map(async (path): Promise<CardRun> => {
      const run = await openRun(path);
      const result = await run.folder.readTrainingResult();
      if (result) return { ...run, result };
      throw new SpurmemError(
        'RUN_NOT_FOUND',
        `${run.folder.path} holds no finished run: let it finish first.`,
      );
    }),
  );
  return runs.sort((a, b) => a.config.seed - b.config.seed) as [CardRun, ...CardRun[]];
}

async function requireSeedsAlone(paths: readonly string[]): Promise<void> {
  const { rows, differing } = await compareRuns(paths);
  if (rows.length < 2) return;
  const isMethod = new Set(rows.map(({ method }) => method)).size > 1;
  const names = [...(isMethod ? ['the training method'] : []), ...differing].join(', ');
  const what = names === '' ? 'two of them have the same seed' : `they differ in ${names}`;
  const problem = `\`run\` names runs that are not seeds of one another: ${what}. A card is of one run, or of seeds of equal settings.`;
  throw new SpurmemError('USAGE', problem, { parameter: 'run', value: paths });
}

/**
 * Writes a card's folder: README.md, each run's weights, configuration, epochs and result, and their checksums. Throws `RUN_EXISTS` if
 * there is a README.md already.
 */
async function writeCard(path: string, runs: CardRuns, hasWeights: boolean): Promise<string[]> {
  const readme = join(path, 'README.md');
  if (await isFile(readme)) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${readme} is there already, and what was filled in would be lost. Nothing was changed.`,
      { parameter: 'out', value: path, advice: ['Choose another `out`, or move that file away.'] },
    );
  }
  const data = await readRunData(runs[0]);
  const placeOf = ({ config }: CardRun): string => (runs.length > 1 ? `seed-${config.seed}/` : '');
  const files = ['README.md'];
  for (const run of runs) {
    const place = join(path, placeOf(run));
    await makeFolder(place);
    const pathOf = (file: string): string => {
      files.push(relative(path, join(place, file)));
      return join(place, file);
    };
    await writeJson(pathOf('config.json'), publicConfig(run));
    await writeJson(pathOf('result.json'), run.result);
    const epochs = await run.folder.readMetrics();
    if (epochs.length > 0) await writeAtomic(pathOf('metrics.csv'), epochsTable(epochs, data.groupNames));
    if (hasWeights) await copy(run.weights, pathOf('model.safetensors'));
  }
  await writeAtomic(readme, cardText(runs, data, placeOf, hasWeights));
  const sums = await Promise.all(files.map(async (file) => `${await sha256Of(join(path, file))}  ${file}\n`));
  await writeAtomic(join(path, 'SHA256SUMS'), sums.join(''));
  return [...files, 'SHA256SUMS'];
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((error: unknown) => {
    throw unwritable(error, to);
  });
}

/** A run's config.json without the paths of the machine that trained it. */
export function publicConfig({ config, environment }: Pick<OpenedRun, 'config' | 'environment'>): object {
  const { data: _data, ...others } = environment;
  const named = Object.entries(others).map(([name, value]: [string, unknown]) => [
    name,
    ['weightsPath', 'archPath', 'from'].includes(name) && typeof value === 'string' ? basename(value) : value,
  ]);
  const published = { data: config.dataset.name, ...Object.fromEntries(named) } as object;
  return { formatVersion: FORMAT_VERSION, config, environment: published };
}

/** A model card in the format of Hugging Face's hub: metadata in YAML, then Markdown. */
function cardText(
  runs: CardRuns,
  data: DataDescription,
  placeOf: (run: CardRun) => string,
  hasWeights: boolean,
): string {
  const [{ config, environment }] = runs;
  const method = methodOfRun(config);
  const title = `${method.title}, ${config.arch} on ${plain(data.name)}`;
  const seeds = runs.map((run) => run.config.seed).join(', ');
  const classes = data.targetNames.map((name) => escapeMarkdown(plain(name))).join(', ');
  const worst = summarizeSeeds(runs.map(({ result }) => result.test.worstGroupAccuracy)).mean;
  const average = summarizeSeeds(runs.map(({ result }) => result.test.average)).mean;
  const metadata = {
    library_name: 'spurmem',
    pipeline_tag: 'image-classification',
    tags: ['spurious-correlations', 'group-robustness', config.arch, method.name],
    metrics: ['accuracy'],
    'model-index': [
      {
        name: title,
        results: [
          {
            task: { type: 'image-classification' },
            dataset: { name: plain(data.name), type: plain(data.name), split: 'test' },
            metrics: [
              { type: 'accuracy', name: 'test worst-group accuracy', value: Number(worst.toFixed(4)) },
              { type: 'accuracy', name: 'test average accuracy', value: Number(average.toFixed(4)) },
            ],
          },
        ],
      },
    ],
  };
  const versions = Object.entries(environment.versions).map(([name, version]) => plain(`${name} ${version}`));
  const text = [
    `# ${escapeMarkdown(title)}`,
    `${config.arch} for ${classes}: ${method.description}. ${plural(runs.length, 'model')} (seed${runs.length > 1 ? 's' : ''} ${seeds}), trained with spurmem.`,
    '## Results',
    markdownOf(accuracyTable(runs, data)),
    '## Uses and limits',
    '_To fill in: intended uses, and uses that are out of scope._',
    `The test split's smallest group has ${plural(Math.min(...data.counts.test.filter((count) => count > 0)), 'image')}. Another data set may give other numbers.`,
    '## Data',
    `${escapeMarkdown(plain(data.name))}, fingerprint \`${data.fingerprint}\` (SHA-256 of its tables and of how they were read).`,
    '**Terms of the data.** _To fill in: publisher, licence, and what it does not allow._',
    '## How to repeat it',
    ['```sh', ...runs.map((run) => repeatCommand(run, placeOf(run))), '```'].join('\n'),
    `\`DATA\` is the folder of the data; \`config.json\` has all settings. The numbers are the same to the bit with the same versions (${versions.join(', ')}) and vector instructions.`,
    ...(hasWeights ? ['## Weights', weightsText(runs[0], data, placeOf(runs[0]))] : []),
  ];
  return `---\n${stringify(metadata)}---\n\n${text.join('\n\n')}\n`;
}

/** Test accuracies: of one run with intervals over examples, of several with each seed and the mean's interval over seeds. */
function accuracyTable(runs: CardRuns, data: DataDescription): Table {
  const groups = groupLabels(data);
  const [{ result }] = runs;
  const seeds = runs.map(({ config }) => `seed ${config.seed}`);
  const isOne = runs.length === 1;
  const accuracies = (of: (test: GroupAccuracies) => number | undefined): string[] => {
    const values = runs.map((run) => of(run.result.test) ?? Number.NaN);
    const { mean, interval } = summarizeSeeds(values);
    return isOne ? [percent(mean)] : [percent(mean), percentRange(interval), ...values.map(percent)];
  };
  return {
    caption: `Accuracy on the test split in %, with 95 % intervals over ${isOne ? 'examples' : 'seeds'}.`,
    columns: numbers('Group', 'images', 'accuracy', '95 % interval', ...(isOne ? [] : seeds)),
    rows: groups.map((group) => {
      const { index } = group;
      const own = accuracies(({ accuracy }) => accuracy[index]);
      const interval = isOne ? [percentRange(result.test.interval[index])] : [];
      return [groupCell(group), fixed(data.counts.test[index], 0), ...own, ...interval];
    }),
    footer: [
      ['worst group', '', ...accuracies(({ worstGroupAccuracy }) => worstGroupAccuracy)],
      ['average', '', ...accuracies(({ average }) => average)],
    ].map((row) => (isOne ? [...row, ''] : row)),
    notes: starNote(groups),
  };
}

function repeatCommand({ config, environment }: CardRun, place: string): string {
  const { name, startsFrom } = methodOfRun(config);
  const { weightsPath, archPath, from } = environment;
  const start = startsFrom === 'run' ? ['--from', from ?? 'RUN'] : ['--weights', weightsPath];
  const options = [start, ['--arch', archPath]].flatMap(([flag = '', path]) =>
    typeof path === 'string' ? [`${flag} ${quotedWord(basename(path))}`] : [],
  );
  const file = quotedWord(`${place}config.json`);
  return [
    `npx spurmem train ${name} --config ${file} --data DATA`,
    ...options,
    `--out repeated/seed-${config.seed}`,
  ].join(' ');
}

/** How Python loads the weights. */
function weightsText({ config }: CardRun, { targetNames }: DataDescription, place: string): string {
  const { arch, imageSize, patchSize } = config;
  const isVit = arch.startsWith('vit');
  const sizes = [
    `num_classes=${targetNames.length}`,
    ...(isVit && imageSize ? [`img_size=(${imageSize.join(', ')})`] : []),
    ...(patchSize === undefined ? [] : [`patch_size=${patchSize}`]),
  ].join(', ');
  const loaded = `load_file("${place}model.safetensors")`;
  const model = isVit
    ? ['import timm', `model = timm.create_model("${arch}", ${sizes})`]
    : /^resnet(?:18|34|50)$/.test(arch)
      ? ['import torchvision', `model = torchvision.models.${arch}(${sizes})`]
      : [];
  const use = model.length > 0 ? [...model, `model.load_state_dict(${loaded})`] : [`weights = ${loaded}`];
  const names = `safetensors, with ${isVit ? 'timm' : 'torchvision'}'s parameter names.`;
  return `${names}\n\n${['```python', 'from safetensors.torch import load_file', ...use, '```'].join('\n')}`;
}
