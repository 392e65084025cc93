import { basename } from 'node:path';
import { stringify } from 'yaml';
import { summarizeSeeds } from '../metrics/seeds.js';
import { quotedWord } from '../provenance.js';
import { durationText, fixed, MISSING, percent, percentRange, plural } from '../report/format.js';
import { type GroupLabel, groupLabels, type Groups, starNote } from '../report/groupLabels.js';
import { countTable } from '../report/sections/data.js';
import { groupCell, numbers, type Table, texts } from '../report/table.js';
import { escapeMarkdown, plain } from '../report/text.js';
import { inWords } from '../settings/setting.js';
import { selectionWords } from '../train/selection.js';
import type { CardFacts, CardRun } from './cardFacts.js';
import { markdownOf } from './textTable.js';

/** A model card in the format of Hugging Face's hub: metadata in YAML, then Markdown. */
export function cardText(facts: CardFacts, placeOf: (run: CardRun) => string, hasWeights: boolean): string {
  const groups = groupLabels(facts.data);
  const sections = [
    ['Results', ...results(facts, groups)],
    ['Uses and limits', ...limits(facts)],
    ['Data', ...dataSection(facts)],
    ['Settings', markdownOf(settingsTable(facts))],
    ['How to repeat it', ...repeatSection(facts, placeOf)],
    ...(hasWeights ? [['Weights', ...weightsSection(facts, placeOf)]] : []),
    ['Where it was computed', markdownOf(machineTable(facts))],
  ];
  const text = [
    `# ${escapeMarkdown(titleOf(facts))}`,
    introduction(facts),
    ...sections.flatMap(([heading = '', ...parts]) => [`## ${heading}`, ...parts]),
  ];
  return `---\n${stringify(metadata(facts))}---\n\n${text.join('\n\n')}\n`;
}

function titleOf({ runs: [{ config }], method, data }: CardFacts): string {
  return `${method.title}, ${config.arch} on ${plain(data.name)}`;
}

/** A name of the user's in prose. */
function shown(name: string): string {
  return escapeMarkdown(plain(name));
}

function metadata(facts: CardFacts): object {
  const { runs, method, data } = facts;
  const [{ config }] = runs;
  const metric = (name: string, value: number) => ({
    type: 'accuracy',
    name,
    value: Number(value.toFixed(4)),
  });
  return {
    library_name: 'spurmem',
    pipeline_tag: 'image-classification',
    tags: ['spurious-correlations', 'group-robustness', config.arch, method.name],
    metrics: ['accuracy'],
    'model-index': [
      {
        name: titleOf(facts),
        results: [
          {
            task: { type: 'image-classification' },
            dataset: { name: plain(data.name), type: plain(data.name), split: 'test' },
            metrics: [
              metric(
                'test worst-group accuracy',
                meanOf(runs, ({ test }) => test.worstGroupAccuracy),
              ),
              metric(
                'test average accuracy',
                meanOf(runs, ({ test }) => test.average),
              ),
            ],
          },
        ],
      },
    ],
  };
}

function meanOf(runs: readonly CardRun[], of: (result: CardRun['result']) => number): number {
  return summarizeSeeds(runs.map(({ result }) => of(result))).mean;
}

function introduction({ runs, method, data }: CardFacts): string {
  const [{ config }] = runs;
  const seeds = runs.map((run) => run.config.seed).join(', ');
  return (
    `${config.arch} for ${data.targetNames.map(shown).join(', ')}: ${method.description}. ` +
    `${plural(runs.length, 'model')} (seed${runs.length > 1 ? 's' : ''} ${seeds}), trained from ` +
    `${config.weights === null ? 'random weights' : 'the weights of a file'} with spurmem.`
  );
}

/** Accuracies of one run with their intervals over examples; of several the means over seeds, and each seed. */
function results(facts: CardFacts, groups: Groups): string[] {
  const { runs } = facts;
  const [first, second] = runs;
  const { select } = first.config;
  const chosen =
    first.result.epochs === 0
      ? 'Training has no epochs.'
      : `The weights are those of ${select === 'last' ? 'the last epoch' : `the epoch with the best ${selectionWords(select)}`}.`;
  const tables =
    second === undefined ? [oneRun(first, groups)] : [overSeeds(runs, groups), seedBySeed(runs, groups)];
  return [chosen, ...tables.map(markdownOf)];
}

function oneRun({ result: { test } }: CardRun, groups: Groups): Table {
  return {
    caption: 'Accuracy of each group on the test split in %, with its 95 % interval over examples.',
    columns: numbers('Group', 'images', 'accuracy', '95 % interval'),
    rows: groups.map((group) => [
      groupCell(group),
      fixed(test.total[group.index], 0),
      percent(test.accuracy[group.index]),
      percentRange(test.interval[group.index]),
    ]),
    footer: [
      ['worst group', '', percent(test.worstGroupAccuracy), ''],
      ['average', '', percent(test.average), ''],
      ['average weighted as in training', '', percent(test.trainWeightedAverage), ''],
    ],
    notes: starNote(groups),
  };
}

function overSeeds(runs: readonly CardRun[], groups: Groups): Table {
  const row = (heading: string | ReturnType<typeof groupCell>, of: (run: CardRun) => number | undefined) => {
    const { mean, std, interval } = summarizeSeeds(runs.map((run) => of(run) ?? Number.NaN));
    return [heading, percent(mean), percentRange(interval), percent(std)];
  };
  return {
    caption: `Accuracy on the test split in %: mean over ${runs.length} seeds, its 95 % interval by Student's t, and the standard deviation.`,
    columns: numbers('Group', 'mean', '95 % interval', 'deviation'),
    rows: groups.map((group) => row(groupCell(group), ({ result }) => result.test.accuracy[group.index])),
    footer: [
      row('worst group', ({ result }) => result.test.worstGroupAccuracy),
      row('average', ({ result }) => result.test.average),
    ],
    notes: starNote(groups),
  };
}

function seedBySeed(runs: readonly CardRun[], groups: Groups): Table {
  return {
    caption: 'Seed by seed: the selected epoch, and accuracies in %.',
    columns: numbers(
      'seed',
      'epoch',
      'validation worst group',
      'test worst group',
      'test average',
      ...groups.map(({ short }) => short),
    ),
    rows: runs.map(({ config, result: { bestEpoch, val, test } }) => [
      String(config.seed),
      bestEpoch === 0 ? MISSING : String(bestEpoch),
      ...[val.worstGroupAccuracy, test.worstGroupAccuracy, test.average].map(percent),
      ...groups.map((group: GroupLabel) => percent(test.accuracy[group.index])),
    ]),
  };
}

function limits({ runs, data }: CardFacts): string[] {
  const least = Math.min(...data.counts.test);
  return [
    '_To fill in: what the model is for, and what it is not for._',
    `It is measured on the test split of one data set, whose smallest group has ${plural(least, 'image')}. ` +
      (runs.length > 1
        ? 'Intervals over seeds say how training varies, not how another data set would.'
        : 'It is one seed: others differ, and intervals over examples do not say by how much.'),
  ];
}

function dataSection({ runs: [{ config }], data }: CardFacts): string[] {
  const { preprocessing } = data;
  return [
    `${shown(data.name)}, fingerprint \`${data.fingerprint}\` (SHA-256 of its tables and of how they were read).`,
    '**Terms of the data.** _To fill in: who published it, under which licence, and what it does not allow._',
    markdownOf(countTable(data)),
    ...(preprocessing === undefined
      ? []
      : [
          markdownOf({
            caption: `How images become the input${config.augmentation === undefined ? '' : '; training changes them as the settings say'}.`,
            columns: texts('step', 'value'),
            rows: Object.entries(preprocessing).map(([name, value]) => [
              name,
              value === null ? 'none' : valueText(value),
            ]),
          }),
        ]),
  ];
}

function valueText(value: unknown): string {
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'number');
  return isList ? value.join(', ') : inWords(value);
}

function settingsTable({ runs }: CardFacts): Table {
  const [{ config }] = runs;
  const { dataset: _dataset, seed: _seed, weights, ...others } = config;
  const seeds = runs.map((run) => run.config.seed).join(', ');
  // Runs that go on from others have a start each.
  const starts = [...new Set(runs.map((run) => run.config.weights))];
  const start =
    weights === null ? 'random, from the seed' : starts.map((sum) => `sha256 ${String(sum)}`).join(', ');
  const rows = [...Object.entries(others), ['seed', seeds], ['weights', start]] as [string, unknown][];
  return {
    caption: 'All that determines the numbers.',
    columns: texts('setting', 'value'),
    rows: rows.map(([name, value]) => [name, plain(value === null ? 'none' : valueText(value))]),
  };
}

function repeatSection({ runs, method }: CardFacts, placeOf: (run: CardRun) => string): string[] {
  const commands = runs.map((run) => {
    const { weightsPath, archPath, from } = run.environment;
    const start =
      method.startsFrom === 'run'
        ? `--from ${quotedWord(basename(from ?? 'RUN'))}`
        : weightsPath === null
          ? ''
          : `--weights ${quotedWord(basename(weightsPath))}`;
    const place = placeOf(run);
    const words = [
      `npx spurmem train ${method.name} --config ${quotedWord(`${place}config.json`)}`,
      `--data DATA`,
      archPath === undefined ? '' : `--arch ${quotedWord(basename(archPath))}`,
      start,
      `--out repeated/seed-${run.config.seed}`,
    ];
    return words.filter((word) => word !== '').join(' ');
  });
  const origin = runs[0].origin;
  return [
    ['```sh', ...commands, '```'].join('\n'),
    `\`DATA\` is the folder of the data.${method.startsFrom === 'run' ? ' `--from` is the run that training starts from, of the same seed.' : ''} ` +
      `The numbers are the same to the bit with the same versions${origin ? `, on CPUs with ${origin.kernels}` : ''}.`,
  ];
}

function weightsSection({ runs: [run], data }: CardFacts, placeOf: (run: CardRun) => string): string[] {
  const { arch, imageSize, patchSize } = run.config;
  const file = `${placeOf(run)}model.safetensors`;
  const classes = data.targetNames.length;
  const sized = [
    `num_classes=${classes}`,
    ...(imageSize && arch.startsWith('vit') ? [`img_size=(${imageSize.join(', ')})`] : []),
    ...(patchSize === undefined ? [] : [`patch_size=${patchSize}`]),
  ].join(', ');
  const [library, create] = arch.startsWith('vit')
    ? ['timm', `timm.create_model("${arch}", ${sized})`]
    : /^resnet(?:18|34|50)$/.test(arch)
      ? ['torchvision', `torchvision.models.${arch}(num_classes=${classes})`]
      : [undefined, undefined];
  const lines =
    library === undefined
      ? ['from safetensors.torch import load_file', '', `weights = load_file("${file}")`]
      : [
          `import ${library}`,
          'from safetensors.torch import load_file',
          '',
          `model = ${create}`,
          `model.load_state_dict(load_file("${file}"))`,
          'model.eval()',
        ];
  return [
    `safetensors, with ${library ?? 'PyTorch'}'s parameter names. Outputs are the logits of ${data.targetNames.map(shown).join(', ')}.`,
    ['```python', ...lines, '```'].join('\n'),
  ];
}

function machineTable({ runs }: CardFacts): Table {
  return {
    caption: 'Each run: when it ended, on what, and the time of its epochs.',
    columns: texts('seed', 'date', 'CPU', 'kernels', 'device', 'threads', 'versions', 'time'),
    rows: runs.map(({ config, environment, origin, seconds }) => [
      String(config.seed),
      origin?.date.slice(0, 10) ?? MISSING,
      plain(origin?.cpu ?? MISSING),
      plain(origin?.kernels ?? MISSING),
      environment.device,
      String(environment.threads),
      Object.entries(environment.versions)
        .map(([name, version]) => plain(`${name} ${version}`))
        .join(', '),
      seconds === 0 ? MISSING : durationText(seconds),
    ]),
  };
}
