import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Command } from 'commander';
import { parseValue, settingOptions } from '../../src/cli/settings.js';
import { MINIMAL_SETTINGS } from '../../src/experiments/minimal.js';
import { TRACE_SETTINGS } from '../../src/experiments/traceSettings.js';
import { type Protocol, PROTOCOLS } from '../../src/protocol.js';
import { resolveSettings, type Setting, type SettingsTable } from '../../src/settings/setting.js';
import { accepts, metaOf, type ValueForm, type ValueType } from '../../src/settings/values.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from '../../src/train/ermSettings.js';
import { TRAINING_METHODS } from '../../src/train/methods.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

/**
 * The gate: every option of every command that stands for a setting must reach what resolves it, and change exactly that
 * setting there. What the commands hand over is recorded where the long work would begin.
 */
const folder = temporaryFolder();
const data = join(folder, 'data');
const handed: Record<string, unknown>[] = [];
const stop = (options: Record<string, unknown>): Promise<never> => {
  handed.push(options);
  return Promise.reject(new Error('handed over'));
};

const session = await import('../../src/experiments/traceSession.js');
jest.unstable_mockModule('../../src/experiments/traceSession.js', () => ({
  ...session,
  traceAlone: (_settings: SettingsTable, options: Record<string, unknown>) => stop(options),
}));
jest.unstable_mockModule('../../src/experiments/gradCam.js', () => ({ gradCam: stop }));
jest.unstable_mockModule('../../src/reproduce/part1.js', () => ({
  reproducePart1: stop,
  checkPart1Options: () => undefined,
  hasToBeTrained: () => undefined,
  tracingOf: () => ({}),
  trainingOf: () => ({}),
  PART1_TYPES: {},
}));

beforeAll(async () => {
  await tinyDominoes(data);
});

beforeEach(() => {
  handed.length = 0;
  process.exitCode = undefined;
});

afterAll(() => {
  process.exitCode = undefined;
  jest.restoreAllMocks();
});

/** Values of an option other than a protocol's default. */
function anotherText(entry: Setting<unknown>, protocol: Protocol): string[] {
  const { type } = entry;
  const isOther = (value: unknown): boolean =>
    accepts(type, value) && JSON.stringify(entry[protocol]) !== JSON.stringify(value);
  const { words = [], item, form, expected } = metaOf(type);
  const found =
    item !== undefined && words.length > 0
      ? [...words.map((word) => [word]), words.slice(-2)].find(isOther)
      : [...words, ...TEXTS[form]].map((text) => [text]).find(([text = '']) => isOther(parsed(text, type)));
  if (found === undefined) throw new Error(`No other value of ${expected}`);
  return found;
}

function parsed(text: string, type: ValueType<unknown>): unknown {
  try {
    return parseValue(text, type);
  } catch {
    return undefined;
  }
}

const TEXTS: Readonly<Record<ValueForm, readonly string[]>> = {
  integer: ['7', '9'],
  'integer or word': ['7'],
  number: ['0.37', '0.41', '0.3,0.4,0.5'],
  boolean: ['yes', 'no'],
  word: [],
  text: ['some.file'],
  size: ['48x40'],
  'shorter side or size': ['48'],
  augmentation: ['simclr'],
};

/** Runs a command's action as the command line does, and gives back what it handed over. */
async function handOver(add: (command: Command) => void, argv: readonly string[]): Promise<unknown> {
  const program = new Command().exitOverride();
  add(program);
  const silent = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await program.parseAsync([...argv, '--quiet'], { from: 'user' });
  } finally {
    silent.mockRestore();
  }
  return handed.at(-1);
}

/**
 * Each setting of a table with an option: that option changes that setting, and no other, under both protocols.
 *
 * @returns the number of these settings
 */
async function expectEachToChange(
  add: (command: Command) => void,
  argv: readonly string[],
  table: SettingsTable,
  partOf = (handedOver: unknown): unknown => handedOver,
): Promise<number> {
  const before = await handOver(add, argv);
  const options = settingOptions(table);
  for (const { name, word, entry } of options) {
    for (const protocol of PROTOCOLS) {
      const after = await handOver(add, [...argv, `--${word}`, ...anotherText(entry, protocol)]);
      const [old = {}, now = {}] = [before, after].map((given): Readonly<Record<string, unknown>> =>
        resolveSettings(table, protocol, partOf(given) as object, others),
      );
      const changed = Object.keys({ ...old, ...now }).filter(
        (key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]),
      );
      // A default may depend on the setting.
      expect([word, protocol, changed]).toEqual([word, protocol, expect.arrayContaining([name])]);
      expect(changed.length).toBeLessThanOrEqual(2);
    }
  }
  return options.length;
}

const others = { isVit: false, runEpochs: 100, format: undefined, criterion: 'gradient' };

describe('each option of', () => {
  test.each(TRAINING_METHODS.map((method) => [method.name, method] as const))(
    'train %s changes the configuration',
    async (name, method) => {
      const { addCommand } = await import('../../src/cli/commands/train.js');
      const spy = jest.spyOn(method, 'start').mockImplementation((options) => stop({ ...options }));
      const place = method.startsFrom !== 'run' ? ['--data', data] : ['--from', folder];
      const count = await expectEachToChange(addCommand, [name, ...place], method.settings);
      spy.mockRestore();
      expect(count).toBeGreaterThan(2);
    },
  );

  test.each([
    ['unstructured', { ...TRACE_SETTINGS.session, ...TRACE_SETTINGS.unstructured }],
    ['structured', { ...TRACE_SETTINGS.session, ...TRACE_SETTINGS.structured }],
    ['overlap', { ...TRACE_SETTINGS.session, ...TRACE_SETTINGS.overlap }],
    ['memorized', { ...TRACE_SETTINGS.session, ...TRACE_SETTINGS.memorized }],
    ['minimal', { unit: TRACE_SETTINGS.session.unit, ...MINIMAL_SETTINGS }],
  ] as [string, SettingsTable][])('trace %s changes the trace', async (name, table) => {
    const { addCommand } = await import('../../src/cli/commands/trace.js');
    expect(await expectEachToChange(addCommand, [name, '--run', folder], table)).toBeGreaterThan(3);
  });

  test('gradcam changes the maps', async () => {
    const { addCommand } = await import('../../src/cli/commands/gradCam.js');
    const table = TRACE_SETTINGS.gradCam;
    const count = await expectEachToChange(addCommand, ['--run', folder], table);
    expect(count).toBe(Object.keys(table).length);
  });

  test('reproduce part1 changes training or traces', async () => {
    const { addPart1Commands } = await import('../../src/cli/commands/reproducePart1.js');
    const argv = ['part1', '--run', folder];
    const { arch, weights } = MODEL_SETTINGS;
    const { epochs, lr, augmentation } = ERM_SETTINGS;
    const erm = { arch, weights, epochs, lr, augmentation };
    const ermOf = (given: unknown): unknown => (given as { readonly erm: unknown }).erm;
    expect(await expectEachToChange(addPart1Commands, argv, erm, ermOf)).toBe(5);
    const { sigmas, repeats, samples, nullDraws, exceedances } = TRACE_SETTINGS.unstructured;
    const { criteria, topK: layerTopK } = TRACE_SETTINGS.structured;
    const { batchSize, precision } = TRACE_SETTINGS.session;
    const { fraction } = TRACE_SETTINGS.overlap;
    const measured = { criteria, sigmas, repeats, samples, nullDraws, exceedances, layerTopK };
    const traces = { ...measured, batchSize, precision, fraction };
    expect(await expectEachToChange(addPart1Commands, argv, traces)).toBe(10);
  });
});
