import { parse } from 'csv-parse/sync';
import { type Dataset, loadDataset } from '../../data/dataset.js';
import { messageOf, SpurmemError, usageError } from '../../errors.js';
import { readWhole, writeAtomic } from '../../files.js';
import { holm } from '../../metrics/holm.js';
import { type Generator, native } from '../../native/addon.js';
import { accuracyGap, fisherTest, testPower, type Ticked } from './blindTest.js';
import { readDiscovered, writeDiscovered } from './discover.js';
import { boundText, countsOf, testPage } from './page.js';
import type { BlindTest, DiscoverImage, DiscoverResult } from './result.js';

/** Images of a batch, half of them wrong. */
const BATCH = 20;
/** A test ends with the batch in which this number of images is ticked, or after `MOST` images. */
const ENOUGH = 10;
const MOST = 120;
/** With fewer wrong images to tick, or fewer ticks, nothing is said (judgements). */
const FEWEST_WRONG = 5;
const FEWEST_TICKED = 3;

export interface TestOptions {
  /** The path of discover's files, without their ends. */
  readonly out: string;
  /** The name of what the ticked images share, judged from the picture alone. */
  readonly test: string;
  /** Default: the only class. */
  readonly class?: string | undefined;
}

/** Gives a name to what images of a class share, before any image of the other half is seen: it counts from now on. Writes the page to tick them. */
export async function registerTest({ out, test, class: name }: TestOptions) {
  const result = await readDiscovered(out);
  const dataset = await dataOf(result);
  const own = imagesOf(result, name);
  const known = result.tests.find((one) => one.name === test && one.class === name);
  const made: BlindTest = known ?? {
    name: test,
    class: name ?? '',
    batches: batchesOf(result, own),
    outcome: null,
  };
  if (known === undefined) await writeDiscovered(out, { ...result, tests: [...result.tests, made] });
  const fileName = test.replaceAll(/[^\p{L}\p{N}]+/gu, '-');
  const page = `${out}-${fileName}.html`;
  const ids = new Map(made.batches.flat().map((path, i) => [path, String(i + 1)]));
  const shown = made.batches.map((batch) =>
    batch.map((path) => ({ path, id: ids.get(path) as string, class: '' })),
  );
  const file = `${fileName}.csv`;
  const key = `${result.fingerprint.slice(0, 16)}-test-${result.tests.length}-${test}`;
  await writeAtomic(
    page,
    await testPage(`Does it show ${test}?`, shown, { dataset, key, file, enough: ENOUGH }),
  );
  return { page, plan: planText(own), registered: known ? result.tests.length : result.tests.length + 1 };
}

/** Says which gaps a test of this class finds. */
function planText(own: readonly DiscoverImage[]): string {
  const { images, wrong } = countsOf(own);
  const error = wrong / images;
  const confirm = own.filter(({ part }) => part === 'confirm').length;
  const ticks = Math.min(MOST, confirm);
  const chance = (share: number): string => {
    const power = testPower({ images, error, share, gap: 0.3 }, ticks);
    return power === undefined ? 'is not possible' : `is found with ${Math.round(100 * power)} %`;
  };
  return `You will tick up to ${ticks} images. In this class (error ${(100 * error).toFixed(1)} %) a gap of 30 points ${chance(0.05)} if 1 of 20 images has the attribute, and ${chance(0.02)} if 1 of 50 has it.`;
}

/** The class's images. Throws `USAGE` for an unknown class, and for one with too few wrong images to test. */
function imagesOf({ images }: DiscoverResult, name: string | undefined): readonly DiscoverImage[] {
  const own = images.filter((image) => image.class === name);
  const names = [...new Set(images.map((image) => image.class))].join(', ');
  if (own.length === 0)
    throw usageError('class', name, names, `\`class\` takes the class of the ticked images: ${names}.`);
  const { wrong } = countsOf(own.filter(({ part }) => part === 'confirm'));
  if (wrong >= FEWEST_WRONG) return own;
  throw usageError(
    'test',
    name,
    'a class with wrong images',
    `The class ${name ?? ''} has fewer than ${FEWEST_WRONG} wrong images in the half that was not shown: no test can tell. ${boundText(countsOf(own))}`,
  );
}

/** Draws batches from the half that was not shown: half wrong and half right images, and more right ones when the wrong ones are used up. */
function batchesOf({ seed, tests }: DiscoverResult, own: readonly DiscoverImage[]): string[][] {
  const generator = new (native().Generator)(seed + 1 + tests.length);
  const confirm = own.filter(({ part }) => part === 'confirm');
  const [wrong, right] = [true, false].map((isWrong) =>
    permuted(
      confirm.filter(({ margin }) => margin <= 0 === isWrong),
      generator,
    ),
  ) as [DiscoverImage[], DiscoverImage[]];
  const batches: string[][] = [];
  while (wrong.length + right.length > 0 && batches.length * BATCH < MOST) {
    const half = wrong.splice(0, BATCH / 2);
    const batch = [...half, ...right.splice(0, BATCH - half.length)];
    batches.push(permuted(batch, generator).map(({ path }) => path));
  }
  return batches;
}

function permuted<Item>(items: readonly Item[], generator: Generator): Item[] {
  return Array.from(generator.randperm(items.length), (at) => items[at] as Item);
}

/** A test's numbers and sentences; p is also corrected over all registered names. */
export interface TestVerdict extends Ticked {
  readonly name: string;
  readonly class: string;
  readonly registered: number;
  readonly pValue: number;
  /** Holm's, over all registered names. */
  readonly corrected: number;
  readonly estimate: number | undefined;
  readonly interval: readonly [number, number];
  readonly agreement: number | null;
  readonly sentences: readonly string[];
}

/** Judges the ticks that a test's page saved. Throws `USAGE` for a name that is not registered, and for ticks that stop early. */
export async function judgeTest({
  out,
  test,
  class: name,
  answers,
}: TestOptions & { readonly answers: string }): Promise<TestVerdict> {
  const result = await readDiscovered(out);
  const at = result.tests.findIndex((one) => one.name === test && one.class === name);
  const found = result.tests[at];
  if (found === undefined) {
    const problem = `${test} is not registered for the class ${name ?? ''}.`;
    throw usageError(
      'test',
      test,
      'a registered name',
      problem,
      'Run the command without `answers` first, and tick its page.',
    );
  }
  const own = imagesOf(result, name);
  const outcome = await outcomeOf(found, own, answers);
  const tests = result.tests.with(at, { ...found, outcome });
  await writeDiscovered(out, { ...result, tests });
  const corrected = holm(tests.map((one) => one.outcome?.pValue ?? 1))[at] ?? 1;
  const of = countsOf(own);
  const { estimate, interval } = accuracyGap(outcome, of);
  const verdict = {
    ...outcome,
    name: test,
    class: found.class,
    registered: tests.length,
    corrected,
    estimate,
    interval,
  };
  return { ...verdict, sentences: sentencesOf(verdict, of) };
}

async function outcomeOf({ batches }: BlindTest, own: readonly DiscoverImage[], path: string) {
  const bad = (problem: string): SpurmemError =>
    usageError(
      'answers',
      path,
      'what the test\u2019s page saved',
      `${path}: ${problem}.`,
      'Finish the page, and save it again.',
    );
  let rows: { image: string; ticked: string; again?: string }[];
  try {
    rows = parse(await readWhole(path), { columns: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    throw bad(messageOf(error));
  }
  const answers = new Map(rows.map((row) => [row.image, row]));
  const ticks: { path: string; first: boolean; again: string }[] = [];
  let asked = 0;
  for (const batch of batches) {
    if (ticks.filter(({ first }) => first).length >= ENOUGH) break;
    for (const image of batch) {
      const answer = answers.get(String((asked += 1)));
      if (answer === undefined) throw bad(`image ${asked} is missing`);
      ticks.push({ path: image, first: answer.ticked === '1', again: answer.again ?? '' });
    }
  }
  if (rows.length !== asked) throw bad(`it has ${rows.length} images, and the test ends with ${asked}`);
  const unseen = ticks.find(({ first, again }) => first && again === '');
  if (unseen) throw bad('a ticked image lacks its second look');
  const margins = new Map(own.map((image) => [image.path, image.margin]));
  const count = (isWrong: boolean, isTicked: boolean): number =>
    ticks.filter(
      ({ path: image, first, again }) =>
        (margins.get(image) as number) <= 0 === isWrong && (!isTicked || (first && again === '1')),
    ).length;
  const ticked = {
    wrong: count(true, false),
    wrongTicked: count(true, true),
    right: count(false, false),
    rightTicked: count(false, true),
  };
  const twice = ticks.filter(({ again }) => again !== '');
  const same = twice.filter(({ first, again }) => first === (again === '1'));
  const agreement = twice.length === 0 ? null : same.length / twice.length;
  return { ...ticked, agreement, pValue: fisherTest(ticked) };
}

function sentencesOf(
  {
    name,
    wrong,
    wrongTicked,
    right,
    rightTicked,
    agreement,
    pValue,
    corrected,
    estimate,
    interval,
    registered,
  }: Omit<TestVerdict, 'sentences'>,
  of: { readonly images: number; readonly wrong: number },
): string[] {
  const blind = agreement === null ? 'blind' : `blind, twice, agreement ${Math.round(100 * agreement)} %`;
  const points = (share: number): string => String(Math.round(100 * share));
  const [low, high] = interval.map(points);
  const p = (value: number): string => value.toPrecision(1);
  const counted = `${name}: ticked in ${wrongTicked} of ${wrong} wrong and ${rightTicked} of ${right} right images (${blind}); ${of.wrong} of ${of.images} images of the class are wrong.`;
  const tests = `p = ${p(pValue)}, corrected over ${registered} registered ${registered === 1 ? 'name' : 'names'} ${p(corrected)}`;
  if (corrected <= 0.05) {
    return [
      counted,
      `Accuracy with it is lower by ${points(estimate ?? 0)} points [${low ?? ''}, ${high ?? ''}]; ${tests}.`,
      'That is a difference, and no cause: images with it differ in more than that.',
    ];
  }
  if (wrongTicked + rightTicked < FEWEST_TICKED) return [counted, `Too rare to say; ${tests}.`];
  return [counted, `No gap is shown; the interval allows ${low ?? ''} to ${high ?? ''} points. ${tests}.`];
}

/** The data of a result. Throws `DATASET_INVALID` if they have changed since. */
async function dataOf({ data, dataOptions, fingerprint }: DiscoverResult): Promise<Dataset> {
  const dataset = await loadDataset(data, dataOptions);
  if (dataset.fingerprint === fingerprint) return dataset;
  throw new SpurmemError('DATASET_INVALID', `${data} has changed since discover ranked its images.`, {
    advice: ['Run discover anew, with another `out`.'],
  });
}
