import { join } from 'node:path';
import { trainDryRun } from '../../src/cli/dryRun.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { TRACE_SETTINGS } from '../../src/experiments/traceSettings.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { PROTOCOLS } from '../../src/protocol.js';
import { dependsOnProtocol, resolveSettings, type SettingsTable } from '../../src/settings/setting.js';
import { accepts } from '../../src/settings/values.js';
import { TRAINING_METHODS } from '../../src/train/methods.js';
import { openRun } from '../../src/train/runFolder.js';
import { tracedRun } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

// Options that are given at their default change nothing: no code may take "equal to the default" for "not given", or the other way.

const folder = temporaryFolder();
const [data, run] = [join(folder, 'data'), join(folder, 'run')];
const quiet = { onInfo: () => undefined, onWarning: () => undefined };
let tried = 0;

beforeAll(async () => {
  await tracedRun(data, run);
});

afterAll(() => {
  console.log(`${tried} settings given at their default`);
});

const CASES = TRAINING_METHODS.flatMap((method) =>
  PROTOCOLS.filter((protocol) => protocol === 'article' || dependsOnProtocol(method.settings)).map(
    (protocol) => [method.name, protocol, method] as const,
  ),
);

test.each(CASES)('train %s under the %s protocol', async (name, protocol, { settings, startsFrom }) => {
  const start = startsFrom === 'run' ? { from: run, data } : { data };
  const options = { ...start, ...(dependsOnProtocol(settings) ? { protocol } : {}), device: 'cpu' } as const;
  const plain = await trainDryRun(options, quiet, name);
  const resolved = resolveSettings(settings, protocol, {}, { isVit: false, arch: 'resnet50', epochs: 1 });
  for (const [setting, { type }] of Object.entries(settings)) {
    // The configuration's value, or the default if the configuration has it in another form.
    const known = [plain.settings[setting], (resolved as Record<string, unknown>)[setting]];
    const value = known.find((one) => one !== undefined && accepts(type, one));
    if (value === undefined || typeof value === 'function') continue;
    tried += 1;
    expect([setting, await trainDryRun({ ...options, [setting]: value }, quiet, name)]).toEqual([
      setting,
      plain,
    ]);
  }
});

test('ERM on the data set\u2019s own size, mean and interpolation', async () => {
  const { resize, crop, mean, std } =
    (await openRun(run).then(({ folder: of }) => of.readData()))?.preprocessing ?? {};
  const options = {
    data,
    device: 'cpu',
    arch: 'resnet20',
    interpolation: 'bilinear',
    resize,
    crop,
    mean,
    std,
  } as never;
  const { settings, input } = await trainDryRun(options, quiet, 'erm');
  expect(settings).toMatchObject({ resize, crop, mean, std, interpolation: 'bilinear' });
  expect(input).toBe(
    'Input: images of 32 x 16 px; resize none, interpolation bilinear, crop none, mean 0.485,0.456,0.406, std 0.229,0.224,0.225 (given).',
  );
});

const common = { run, device: 'cpu', threads: 1, ...quiet } as const;

test.each([
  ['unstructured', traceUnstructured, { perturbation: 'noise', repeats: 1, nullDraws: 2 }],
  ['structured', traceStructured, { nullDraws: 2 }],
  ['overlap', traceOverlap, {}],
] as const)('trace %s', async (name, trace, chosen) => {
  const settings: SettingsTable = { ...TRACE_SETTINGS.session, ...TRACE_SETTINGS[name] };
  const defaults = resolveSettings(settings, 'article', chosen);
  const entries = Object.entries(settings).filter(
    ([setting, { type }]) =>
      !(setting in chosen) && accepts(type, defaults[setting]) && defaults[setting] !== undefined,
  );
  tried += entries.length;
  const given = Object.fromEntries(entries.map(([setting]) => [setting, defaults[setting]]));
  const plain = await trace({ ...common, ...chosen });
  expect(await trace({ ...common, ...chosen, ...given, protocol: 'article', seed: 0 } as never)).toEqual(
    plain,
  );
});
