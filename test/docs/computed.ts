import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { numberOf, numbers, type Row, select } from '../../src/kit/rows.js';
import { summarizeSeeds } from '../../src/metrics/seeds.js';
import { signFlip } from '../../src/metrics/signFlip.js';
import { mean, momentsOf } from '../../src/metrics/statistics.js';
import { ROOT } from '../cli/support.js';
import { filesIn, numbersIn, read, tables } from './numbers.js';

const parsed = new Map<string, readonly Row[]>();
function rowsIn(path: string): readonly Row[] {
  const valueOf = (cell: string): string | number =>
    cell === '' || Number.isNaN(Number(cell)) ? cell : Number(cell);
  const rows = parsed.get(path) ?? parse<Row>(read(path), { columns: true, cast: valueOf });
  parsed.set(path, rows);
  return rows;
}

/** The recorded rows of a study in the files that match. */
function records(study: string, files: string, wanted: Row = {}): Row[] {
  const folder = `studies/${study}/results`;
  const names = filesIn(folder).filter((file) => new RegExp(`${files}\\.csv$`).test(file));
  return names.flatMap((file) => select(rowsIn(`${folder}/${file}`), wanted));
}

const minus = (a: readonly number[], b: readonly number[]): number[] =>
  a.map((value, i) => value - (b[i] ?? NaN));
const ends = (values: readonly number[]): number[] => [Math.min(...values), Math.max(...values)];
/** The mean with its 95 % interval. */
function over(values: readonly number[], scale = 1): number[] {
  const { mean: center, interval } = summarizeSeeds(values.map((value) => scale * value));
  return [center, ...(interval ?? [])];
}
/** The mean with its 95 % interval and the sign-flip test's p. */
const tested = (values: number[], scale = 1) => [...over(values, scale), signFlip(values)?.pValue ?? NaN];

const EFFECTS: Readonly<
  Record<'celeba' | 'sets' | 'birds' | 'faces', readonly [study: string, files: string]>
> = {
  celeba: ['celeba', '^celeba-\\d-effects'],
  sets: ['compositions', 'effects'],
  birds: ['photographs', '^birds-effects'],
  faces: ['photographs', '^faces-effects'],
};
type Data = keyof typeof EFFECTS;
const PRODUCT = 'gradient-x-weight';
const RANDOM = 'same-layers margin';
/** What zeroing three neurons, chosen for a group, does to each model. */
function effect(data: Data, chosenFor: number, column: string, criterion = 'gradient', split = 'train') {
  const of = { stage: 'late', k: 3, chosenFor, criterion, split };
  return numbers(records(...EFFECTS[data], of), column);
}

/** What a group's own neurons take more in training than in test, beyond random neurons of their layers. */
function gap(data: Data, group: number, criterion?: string): number[] {
  const own = (split: string): number[] =>
    minus(
      effect(data, group, `margin${group}`, criterion, split),
      effect(data, group, RANDOM, criterion, split),
    );
  return minus(own('train'), own('test'));
}
const gapOf = (data: Data, [group, other]: readonly [number, number], criterion?: string): number[] =>
  minus(gap(data, group, criterion), gap(data, other, criterion));

/** How far margins of training start above those of test, in the 20 sets of birds. */
function start(group: number): number {
  const [train = NaN, test = NaN] = ['train', 'test'].map((split) =>
    mean(numbers(records('compositions', 'starts', { stage: 'late', split, group }), 'mean')),
  );
  return train - test;
}

/** The worst group of an arm in test, in percent. */
const worst = (study: string, files: string, arm: string, of: Row = {}): number[] =>
  numbers(records(study, files, { arm, ...of }), 'worst').map((share) => 100 * share);
const CELEBA = ['celeba', '^celeba-\\d-test'] as const;
const BIRDS = ['photographs', '^birds-test'] as const;
const imagesOf = (data: string, groups: readonly number[]): Row[] =>
  records('memorization', `^${data}-memorization`).filter((row) => groups.includes(numberOf(row, 'group')));

/** The first number of a token of tables' rows; negative places count from the end. */
const cells = (pattern: RegExp, at: number): number[] =>
  tables.filter(({ text }) => pattern.test(text)).map(({ tokens }) => tokens.at(at)?.[0]?.value ?? NaN);

/** Functions of recorded rows that sources.txt calls. Each returns numbers in a page's order. */
export const COMPUTED = {
  means: (data: Data, group: number, ...columns: string[]) =>
    columns.map((column) => -100 * mean(effect(data, group, column))),
  randomAccuracy: (data: Data, group: number) => over(effect(data, group, 'same-layers accuracy'), -100),
  /** A group's change by its own neurons minus that by another group's, in points. */
  otherNeurons: (data: Data, group: number, other: number) =>
    tested(minus(effect(data, group, `accuracy${group}`), effect(data, other, `accuracy${group}`)), 100),
  randomGap: (data: Data, group: number) =>
    over(minus(effect(data, group, RANDOM, undefined, 'test'), effect(data, group, RANDOM))),
  gaps: (data: Data, pairs: [number, number][], criterion?: string) =>
    pairs.flatMap((pair) => over(gapOf(data, pair, criterion))),
  gapWithP: (data: Data, pair: [number, number]) => tested(gapOf(data, pair)),
  accuracyBeyondRandom: (data: Data, ...groups: number[]) =>
    groups.flatMap((group) => {
      const random = effect(data, group, 'same-layers accuracyInteraction');
      return over(minus(effect(data, group, 'accuracyInteraction'), random), 100);
    }),
  /** Minority minus majority in the 20 sets, both classes weighed equally. */
  classesAlike: (...chosenFor: number[]) =>
    chosenFor.flatMap((of) => {
      const [g0 = [], g1 = [], g2 = [], g3 = []] = [0, 1, 2, 3].map((group) =>
        effect('sets', of, `margin${group}`, PRODUCT),
      );
      return over(minus(minus(g1, g0), minus(g3, g2)), 0.5);
    }),
  starts: (...groups: number[]) => groups.map(start),
  sharesOfStarts: (...groups: number[]) =>
    groups.map((group) => (-100 * mean(gap('sets', group, PRODUCT))) / start(group)),
  worstMinus: (arm: string, other: string) => tested(minus(worst(...CELEBA, arm), worst(...CELEBA, other))),
  gains: () =>
    [['photographs', '^faces-test'] as const, CELEBA].map(([study, files]) =>
      mean(minus(worst(study, files, 'DFR'), worst(study, files, 'ERM'))),
    ),
  firstAndOthers(arm: string) {
    const [first = NaN, ...others] = worst(...CELEBA, arm);
    return [0, first, ...ends(others)];
  },
  /** The gain of the gradient's mask over none in each precision, with the first and last seed. */
  byPrecision: (...precisions: string[]) =>
    precisions.flatMap((precision) => {
      const [masked, none] = ['contrast, gradient mask', 'contrast, no mask'].map((arm) =>
        mean(worst(...BIRDS, arm, { precision })),
      ) as [number, number];
      const seeds = numbers(records(...BIRDS, { arm: 'contrast, no mask', precision }), 'seed');
      return [masked - none, ...ends(seeds)];
    }),
  images: (data: string, ...parts: number[][]) => parts.map((groups) => imagesOf(data, groups).length),
  /** Half of a group chooses neurons, the other judges them. */
  halves: (data: string, ...groups: number[]) =>
    [Math.floor, Math.ceil].flatMap((half) =>
      groups.map((group) => half(imagesOf(data, [group]).length / 2)),
    ),
  memorized: (data: string, ...parts: number[][]) =>
    parts.map((groups) => {
      return imagesOf(data, groups).filter((row) => numberOf(row, 'memorization') > 0.5).length;
    }),
  /** Memorization in points over models, of which tables have the interval, and images; memorized images, and their share. */
  overImages(data: string, group: number) {
    const shares = numbers(imagesOf(data, [group]), 'memorization');
    const { variance, count } = momentsOf(shares.map((share) => 100 * share));
    const isRow = new RegExp(`^memorization; ## ${data}, mem.*\\| ERM \\| G${group}`);
    const row = tables.find(({ text }) => isRow.test(text));
    const [center = 0, , high = 0] = (row?.tokens.at(-2) ?? []).map(({ value }) => value);
    // Normal; the table's interval is Student's t of 20 models.
    const half = 1.96 * Math.hypot(Math.sqrt(variance / count), (high - center) / 2.093);
    const above = shares.filter((share) => share > 0.5).length;
    return [center, center - half, center + half, above, (100 * above) / count];
  },
  compared() {
    const questions = '(?:trained minus left out|minority minus majority)';
    const [all = NaN, men = NaN] = cells(new RegExp(`## celeba.*\\| ${questions} \\| gradient \\|`), 1);
    return [100 - (100 * men) / all, all, men];
  },
  /** What the gradient takes from blond women in training beyond random neurons: from those that other models memorize, and the others. */
  takenFromWomen() {
    const record = readFileSync(join(ROOT, 'studies/memorization/results/celeba-images.csv.gz'));
    const images = parse<Record<string, string>>(gunzipSync(record), { columns: true });
    const taken: [number[], number[]][] = [];
    for (const { group, trained = '', right = '', ...of } of images) {
      const [change, random] = ['change', 'random'].map(
        (name) => of[`3 3 gradient ${name}`]?.split(' ') ?? [],
      );
      for (const seed of group === '2' ? trained.split('').keys() : []) {
        if (trained[seed] !== '1') continue;
        const share = (part: string): number =>
          mean(Array.from(right).flatMap((own, i) => (trained[i] === part && i !== seed ? Number(own) : [])));
        const kind = share('1') - share('0') > 0.5 ? 0 : 1;
        (taken[seed] ??= [[], []])[kind].push(Number(random?.[seed]) - Number(change?.[seed]));
      }
    }
    return [0, 1].map((kind) => mean(taken.map((own) => mean(own[kind] ?? []))));
  },
  column: (study: string, files: string, column: string, wanted?: Row) =>
    ends(numbers(records(study, files, wanted), column)),
  core: (group: number) => [100 * mean(numbers(records('photographs', '^birds-heat', { group }), 'core'))],
  /** Models for which two one-sided tests within 0.25 logits have a power of 80 % at no effect. */
  modelsFor: (...groups: number[]) =>
    groups.map((group) => {
      return ((1.645 + 1.282) / 0.25) ** 2 * momentsOf(effect('birds', group, 'marginInteraction')).variance;
    }),
  largestFilters: (...files: string[]) =>
    files.flatMap((of) => {
      const rows = records('photographs', of, { criterion: 'magnitude', k: 3 });
      const names = rows.flatMap(({ neurons }) => String(neurons).split(' '));
      return [...new Set(names)].map((name) => Number(name.split(':')[1]));
    }),
  pure: () => [cells(/^planted; .*; Plantings.* of \d+ \|$/, -2).reduce((sum, count) => sum + count, 0)],
  /** The shares of planted neurons, then those by chance, in percent. */
  named() {
    const rows = /^planted; .*; Are they found, by layer.*\| gradient-x-weight \|/;
    return [-1, 0].flatMap((at) => ends(cells(rows, at))).map((share) => 100 * share);
  },
  /** The mean AUC in the planted layer over both classes, for each criterion in the order of the page. */
  inLayer(stage: string) {
    const rows = records('planted', '^criteria-found', { stage });
    const criteria = new Set(rows.flatMap(({ criterion = '' }) => criterion));
    return [...criteria].map((criterion) => mean(numbers(select(rows, { criterion }), 'aucInLayer')));
  },
  leastP: (models: number) => [2 / 2 ** models],
  published() {
    const own = /accuracy: .*/.exec(read('src/report/published.ts'))?.[0] ?? '';
    return [1, 2, 5, 6].map((at) => 100 * Number(numbersIn(own)[at]));
  },
  /** Runs, then their hours, then those of processors, of each of these files. */
  hours(study: string, files: string[], arms = '') {
    const taken = files.map((of) => {
      return records(study, of).filter(({ arm }) => new RegExp(arms).test(String(arm)));
    });
    const sums = ['seconds', 'processorSeconds'].flatMap((column) =>
      taken.map((rows) => (rows.length / 3600) * mean(numbers(rows, column))),
    );
    return [...taken.map((rows) => rows.length), ...sums];
  },
};
