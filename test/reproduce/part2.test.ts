import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROTOCOLS } from '../../src/protocol.js';
import { reproducePart2, rowsOf } from '../../src/reproduce/part2.js';
import { STUDIES, type StudyPlan } from '../../src/reproduce/study/studies.js';
import { jobsOfArms, namedKickInEpochs } from '../../src/reproduce/study/studyArm.js';
import { resolveSettings } from '../../src/settings/setting.js';
import { methodNamed } from '../../src/train/methods.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();

const FINETUNED = 'fine-tuned';
const study = STUDIES.find(({ name }) => name === 'fig6');
const fig6: StudyPlan = { title: '', arms: [], ...study?.plan({}) };

test('some rows of a study, in its order, and compared where the row that matters is among them', () => {
  const some = rowsOf(fig6, [FINETUNED, 'ERM']);
  expect(some.arms.map(({ name }) => name)).toEqual(['ERM', FINETUNED]);
  expect(some.focus).toBe(FINETUNED);
  expect(rowsOf(fig6, ['ERM', 'contrast, no mask']).focus).toBeUndefined();
});

test('epochs that any fine-tuning starts from are kept', () => {
  const arms = [
    { name: 'later', settings: { kickInEpoch: 9 } },
    { name: 'selected', settings: { kickInEpoch: 'selected' } },
    { name: 'tuned', grid: { kickInEpoch: [2, 7] } },
    { name: 'ERM' },
  ];
  expect(namedKickInEpochs({ kickInEpoch: 7 }, arms)).toEqual([7, 9, 2]);
  expect(namedKickInEpochs({}, [{ name: 'ERM' }])).toEqual([]);
});

test('an unknown row is refused with those that there are', async () => {
  const rows =
    'has no row named contrast. It has ERM; continued, cross-entropy; continued, supervised loss alone; contrast, no mask;';
  await failure(() => rowsOf(fig6, ['contrast']), 'USAGE', rows);
});

test.each(PROTOCOLS)(
  'runs of all studies have one folder where their settings are equal, under %s',
  (protocol) => {
    const options = { out: 'out', erm: { protocol }, finetune: { protocol } };
    const others = { isVit: false, runEpochs: 100, format: undefined };
    const settingsByFolder = new Map<string, Set<string>>();
    for (const arm of STUDIES.flatMap(({ plan }) => plan({ weights: 'some.pth' }).arms)) {
      for (const { method, settings, out } of jobsOfArms(options, [arm], [0])) {
        const { settings: table } = methodNamed(method);
        const resolved = resolveSettings(table, (settings as typeof options.erm).protocol, settings, others);
        settingsByFolder.set(out, (settingsByFolder.get(out) ?? new Set()).add(JSON.stringify(resolved)));
      }
    }
    expect(settingsByFolder.size).toBeGreaterThan(35);
    expect([...settingsByFolder].filter(([, settings]) => settings.size > 1)).toEqual([]);
  },
);

test('a study is declared before its first run, and its margin stays', async () => {
  const data = join(folder, 'data');
  const out = join(folder, 'study');
  await tinyDominoes(data);
  const abort = new AbortController();
  abort.abort();
  const options = {
    studies: ['fig6'],
    data,
    out,
    seeds: [0, 1],
    equivalence: 0.03,
    signal: abort.signal,
    erm: { arch: 'resnet20' as const },
    finetune: {},
  };
  await failure(reproducePart2(options), 'INTERRUPTED');
  const plan = JSON.parse(await readFile(join(out, 'fig6.plan.json'), 'utf8')) as object;
  expect(plan).toMatchObject({ kind: 'fig6', equivalence: 0.03, seeds: [0, 1], focus: FINETUNED });
  const declared = join(out, 'fig6.plan.json');
  const whole = await readFile(declared, 'utf8');
  await writeFile(declared, whole.replace('0.03', '0.05'));
  await failure(reproducePart2(options), 'RUN_INVALID', `${declared} is damaged: it has changed since`);
  await writeFile(declared, whole);
  await failure(
    reproducePart2({ ...options, equivalence: 0.05 }),
    'RUN_EXISTS',
    /`equivalence` is 5 points, and .* declares 3 points/,
  );
  for (const [other, what] of [
    [{ seeds: [0, 1, 2] }, 'seeds'],
    [{ only: ['ERM', FINETUNED] }, 'rows'],
  ] as const) {
    await failure(
      reproducePart2({ ...options, ...other }),
      'RUN_EXISTS',
      `declares other ${what}, with a margin of 3 points`,
    );
  }
  await failure(reproducePart2(options), 'INTERRUPTED');
  const free = { ...options, out: join(folder, 'free'), equivalence: undefined };
  await failure(reproducePart2(free), 'INTERRUPTED');
  await failure(reproducePart2({ ...free, seeds: [0] }), 'INTERRUPTED');
});
