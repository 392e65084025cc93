import { Command } from 'commander';
import { createProgram } from '../../src/cli/main.js';
import { errorText, inOneLine, inOptions, parameterNames } from '../../src/cli/parameters.js';
import { parseValue } from '../../src/cli/settings.js';
import { DATASET_OPTIONS } from '../../src/data/datasetOptions.js';
import { SpurmemError } from '../../src/errors.js';
import { EVALUATE_SETTINGS } from '../../src/experiments/evaluateRun.js';
import { MINIMAL_SETTINGS } from '../../src/experiments/minimal.js';
import { SESSION_TYPES } from '../../src/experiments/traceSession.js';
import { TRACE_SETTINGS } from '../../src/experiments/traceSettings.js';
import { ATLAS_SETTINGS } from '../../src/extras/atlas/result.js';
import { PART1_TYPES } from '../../src/reproduce/part1.js';
import { FIGURE_SETTINGS } from '../../src/reproduce/part1Traces.js';
import { accepts } from '../../src/settings/values.js';
import { augmentationChoice, SIMCLR } from '../../src/train/augmentation.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from '../../src/train/ermSettings.js';
import { acceptedBy } from '../../src/train/method.js';
import { TRAINING_METHODS } from '../../src/train/methods.js';
import { RUN_TYPE } from '../../src/train/runOptions.js';

/** Options that the library lacks: those of the command line's output. */
const OWN = ['config', 'json', 'quiet', 'debug', 'dryRun', 'csv', 'require', 'undecided'];
const DATASET = DATASET_OPTIONS.map(({ name }) => name as string);

const { session, unstructured, structured, overlap, gradCam } = TRACE_SETTINGS;
const trace = { ...SESSION_TYPES, ...session };

test.each<[string, string, object]>([
  ['trace', 'unstructured', { ...trace, ...unstructured }],
  ['trace', 'structured', { ...trace, ...structured }],
  ['trace', 'overlap', { ...trace, ...overlap }],
  ['trace', 'minimal', { ...trace, ...MINIMAL_SETTINGS }],
  ['gradcam', '', { ...trace, ...gradCam, compare: RUN_TYPE }],
  ['neurons', '', { ...trace, ...ATLAS_SETTINGS, neurons: RUN_TYPE }],
  ['evaluate', '', { ...trace, ...EVALUATE_SETTINGS }],
  [
    'reproduce',
    'fig2',
    { ...PART1_TYPES, ...session, ...FIGURE_SETTINGS, ...ERM_SETTINGS, ...MODEL_SETTINGS },
  ],
  ...TRAINING_METHODS.map((method): [string, string, object] => [
    'train',
    method.name,
    { ...acceptedBy(method).types, ...method.settings },
  ]),
])('%s %s names its options as the library does', async (group, name, library) => {
  const program = await createProgram([group, name]);
  const parent = program.commands.find((command) => command.name() === group);
  const command = name === '' ? parent : parent?.commands.find((one) => one.name() === name);
  const names = command?.options.map((option) => option.attributeName()) ?? [];
  expect(names.length).toBeGreaterThan(5);
  const known = new Set([...OWN, ...DATASET, ...Object.keys(library)]);
  expect(names.filter((option) => !known.has(option))).toEqual([]);
});

test('a value of the command line is one of the library, too', () => {
  const { type } = MODEL_SETTINGS.imageSize;
  expect(parseValue('64', type)).toEqual([64, 64]);
  expect(['64', 64, [64, 32], [64], 0].map((value) => accepts(type, value))).toEqual([
    ...[false, true, true, false, false],
  ]);
  const { resize, crop, mean } = MODEL_SETTINGS;
  expect(['256', '256x128', 'none'].map((text) => parseValue(text, resize.type))).toEqual([
    256,
    [256, 128],
    null,
  ]);
  expect(['224', 'none'].map((text) => parseValue(text, crop.type))).toEqual([[224, 224], null]);
  expect(parseValue('0.5,0.5,-0.1', mean.type)).toEqual([0.5, 0.5, -0.1]);
  for (const [text, type, message] of [
    ['none', MODEL_SETTINGS.imageSize.type, 'such as 224'],
    ['256x', resize.type, 'shorter side, such as 256, or height and width such as 256x256, or none'],
    ['0.5', mean.type, 'a number from -1000000 to 1000000, three of them'],
    ['0.5,0.5,x', mean.type, 'a number from -1000000 to 1000000, three of them'],
    ['0.5,0,0.5', MODEL_SETTINGS.std.type, 'a number from 0.000001 to 1000000, three of them'],
  ] as const) {
    expect(() => parseValue(text, type)).toThrow(message);
  }
});

test('messages name options, and leave other words and paths as they are', () => {
  const names = parameterNames(new Command(), { data: '--data' });
  expect(inOptions('`data` is wrong: there is no option `constructor`.', names)).toBe(
    '--data is wrong: there is no option constructor.',
  );
  expect(inOptions('/a/`data`/b: there is no such folder; see `data`', names)).toBe(
    '/a/`data`/b: there is no such folder; see --data',
  );
  expect(inOneLine('/a\nb: missing\nSee b.', ['/a\nb', 3, undefined])).toBe('/a\\nb: missing\nSee b.');
});

test.each<[string, unknown]>([
  ['none', null],
  ['dataset', 'dataset'],
  ['simclr', 'simclr'],
  ['0.8,1,0', { scale: [0.8, 1], horizontalFlip: 0 }],
  ['flip=0.5', { horizontalFlip: 0.5 }],
  [
    'crop=0.2-1, ratio=0.45-0.55, jitter=0.5@0.9, grayscale=0.1, blur=1',
    {
      scale: [0.2, 1],
      ratio: [0.45, 0.55],
      grayscale: 0.1,
      gaussianBlur: 1,
      colorJitter: { strength: 0.5, probability: 0.9 },
    },
  ],
  ['jitter=0.5', { colorJitter: { strength: 0.5, probability: 0.8 } }],
  ['simclr,blur=0,crop=none', { ...SIMCLR, gaussianBlur: 0, scale: undefined }],
])('%s', (text, value) => {
  expect(parseValue(text, augmentationChoice)).toEqual(value);
});

test.each([
  ...['', 'sim', '0.8,1', '0.8,1,0,1', '1,0.8,0', '0.8,2,0', 'crop=0.5', 'crop=0.5-0.6-0.7', 'crop=1-0.5'],
  ...['flip=', 'flip=2', 'jitter=3', 'jitter=1@', 'blur=yes', 'color=1', 'blur=0.5,simclr'],
])('%s is refused', (text) => {
  expect(() => parseValue(text, augmentationChoice)).toThrow(/It takes none, dataset, simclr, /);
});

test('advice that takes an option which the command lacks is left out', () => {
  const advice = ['Free some space.', 'Give `out`.', 'Give `out` or `data`.'];
  const error = new SpurmemError('USAGE', 'No room.', { advice });
  expect(errorText(error, { out: '--out' })).toBe('No room. Free some space. Give --out.');
});
