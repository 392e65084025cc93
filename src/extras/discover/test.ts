import { isDeepStrictEqual } from 'node:util';
import { parse } from 'csv-parse/sync';
import { checksum } from '../../checksum.js';
import { type Dataset, loadDataset } from '../../data/dataset.js';
import { messageOf, SpurmemError, usageError } from '../../errors.js';
import { readWhole } from '../../files.js';
import { holm } from '../../metrics/holm.js';
import type { Interval } from '../../metrics/intervals.js';
import { native } from '../../native/addon.js';
import { plural } from '../../report/format.js';
import { writeFileAlone } from '../../writeAlone.js';
import { accuracyGap, type ClassCounts, fisherTest, testPower } from './blindTest.js';
import { changeDiscovered, writeDiscovered } from './discover.js';
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

interface TestOptions {
  /** The path of discover's files, without their ends. */
  readonly out: string;
  /** The name of what the ticked images share, judged from the picture alone. */
  readonly test: string;
  readonly class?: string | undefined;
}

/** Gives a name to what images of a class share, before any image of the other half is seen: it counts from now on. Writes the page to tick them. */
export async function registerTest({ out, test, class: name }: TestOptions) {
  const { result, dataset, at } = await changeDiscovered(out, async (found) => {
    const data = await dataOf(found);
    const own = imagesOf(found, name);
    const known = indexOf(found, test, name);
    if (known >= 0) return { result: found, dataset: data, at: known };
    const named = { name: test, class: name ?? '', batches: batchesOf(found, own) };
    // Begins with a letter: no spreadsheet takes it for a number.
    const id = `t${checksum(JSON.stringify([found.fingerprint, named]))}`;
    const added = { id, ...named, outcome: null };
    const changed = { ...found, tests: [...found.tests, added] };
    await writeDiscovered(out, changed);
    return { result: changed, dataset: data, at: found.tests.length };
  });
  const { id, batches } = result.tests[at] as BlindTest;
  // Names that differ in signs alone, and classes, have files of their own.
  const fileName = `${test.replaceAll(/[^\p{L}\p{N}]+/gu, '-')}-${id}`;
  const page = `${out}-${fileName}.html`;
  const key = `${result.fingerprint.slice(0, 16)}-test-${id}`;
  const saving = { key, file: `${fileName}.csv`, test: id, batches: batches.length, enough: ENOUGH };
  await writeFileAlone(page, await testPage(`Does it show ${test}?`, batches, dataset, saving));
  return { page, plan: planText(imagesOf(result, name)), registered: at + 1 };
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
  const problem = `The class ${name ?? ''} has fewer than ${FEWEST_WRONG} wrong images in the half that was not shown: no test can tell.`;
  throw usageError('test', name, 'a class with wrong images', `${problem} ${boundText(countsOf(own))}`);
}

/** Draws batches from the half that was not shown: half wrong and half right images, and more right ones when the wrong ones are used up. */
function batchesOf({ seed, tests }: DiscoverResult, own: readonly DiscoverImage[]): string[][] {
  const generator = new (native().Generator)(seed + 1 + tests.length);
  const permuted = (items: readonly DiscoverImage[]): DiscoverImage[] =>
    Array.from(generator.randperm(items.length), (at) => items[at] as DiscoverImage);
  const confirm = own.filter(({ part }) => part === 'confirm');
  const wrong = permuted(confirm.filter(({ margin }) => margin <= 0));
  const right = permuted(confirm.filter(({ margin }) => margin > 0));
  const batches: string[][] = [];
  while (wrong.length + right.length > 0 && batches.length * BATCH < MOST) {
    const half = wrong.splice(0, BATCH / 2);
    const batch = [...half, ...right.splice(0, BATCH - half.length)];
    batches.push(permuted(batch).map(({ path }) => path));
  }
  return batches;
}

/** A test's numbers and sentences; p is also corrected over all registered names. */
interface TestVerdict extends NonNullable<BlindTest['outcome']> {
  readonly name: string;
  readonly class: string;
  readonly registered: number;
  /** Holm's, over all registered names. */
  readonly corrected: number;
  readonly estimate: number | undefined;
  readonly interval: Interval;
  readonly sentences: readonly string[];
}

/**
 * Judges the ticks that a test's page saved; the first judgement counts. Throws `USAGE` for a name that is not registered, for ticks that stop
 * early or belong to another test, and for other ticks than those judged before.
 */
export async function judgeTest({
  out,
  test,
  class: name,
  answers,
}: TestOptions & { readonly answers: string }): Promise<TestVerdict> {
  return changeDiscovered(out, async (result) => {
    const at = indexOf(result, test, name);
    const found = result.tests[at];
    if (found === undefined) {
      const problem = `${test} is not registered for the class ${name ?? ''}.`;
      const advice = 'Run the command without `answers` first, and tick its page.';
      throw usageError('test', test, 'a registered name', problem, advice);
    }
    const own = imagesOf(result, name);
    const outcome = await outcomeOf(result, found, own, answers);
    if (found.outcome !== null && !isDeepStrictEqual(found.outcome, outcome)) {
      const { wrong, wrongTicked, right, rightTicked, pValue } = found.outcome;
      const first = `ticked in ${wrongTicked} of ${wrong} wrong and ${rightTicked} of ${right} right images, p = ${pValue.toPrecision(1)}`;
      const problem = `${labelOf(found)} is judged already: ${first}. The first judgement counts. Nothing was changed.`;
      throw usageError('answers', answers, 'the answers judged first', problem, 'Register another name.');
    }
    const tests = result.tests.with(at, { ...found, outcome });
    await writeDiscovered(out, { ...result, tests });
    const corrected = holm(tests.map((one) => one.outcome?.pValue ?? 1))[at] ?? 1;
    const of = countsOf(own);
    const { estimate, interval } = accuracyGap(outcome, of);
    const named = { name: test, class: found.class, registered: tests.length };
    const verdict = { ...outcome, ...named, corrected, estimate, interval };
    return { ...verdict, sentences: sentencesOf(verdict, of) };
  });
}

/** Returns a test's index in a result; -1 if it is missing. */
function indexOf({ tests }: DiscoverResult, test: string, name: string | undefined): number {
  return tests.findIndex((one) => one.name === test && one.class === name);
}

const labelOf = ({ name, class: of }: BlindTest): string => `${name} of the class ${of}`;

async function outcomeOf(
  { tests }: DiscoverResult,
  test: BlindTest,
  own: readonly DiscoverImage[],
  path: string,
) {
  const expected = 'what the test\u2019s page saved';
  const bad = (problem: string, advice = 'Finish the page, and save it again.'): SpurmemError =>
    usageError('answers', path, expected, `${path}: ${problem}.`, advice);
  let rows: { image: string; ticked: string; again?: string; test?: string }[];
  try {
    rows = parse(await readWhole(path), { columns: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    throw bad(messageOf(error));
  }
  const stray = rows.find((row) => row.test !== test.id);
  if (stray !== undefined) {
    const { test: id = '' } = stray;
    if (id === '') throw bad('it does not say which test it answers');
    const other = tests.find((one) => one.id === id);
    const whose = other ? `the test ${labelOf(other)}` : `a test ${id}, which is not registered here`;
    const problem = `these are answers of ${whose}, and ${labelOf(test)} was requested`;
    throw bad(problem, 'Name the table that this test\u2019s page saved.');
  }
  const answers = new Map(rows.map((row) => [row.image, row]));
  const margins = new Map(own.map((image) => [image.path, image.margin]));
  const ticks: { isWrong: boolean; first: boolean; again: string }[] = [];
  for (const batch of test.batches) {
    if (ticks.filter(({ first }) => first).length >= ENOUGH) break;
    for (const image of batch) {
      const answer = answers.get(String(ticks.length + 1));
      if (answer === undefined) throw bad(`image ${ticks.length + 1} is missing`);
      const isWrong = (margins.get(image) as number) <= 0;
      ticks.push({ isWrong, first: answer.ticked === '1', again: answer.again ?? '' });
    }
  }
  if (rows.length !== ticks.length)
    throw bad(`it has ${rows.length} images, and the test ends with ${ticks.length}`);
  if (ticks.some(({ first, again }) => first && again === ''))
    throw bad('a ticked image lacks its second look');
  const twice = ticks.filter(({ again }) => again !== '');
  const same = twice.filter(({ first, again }) => first === (again === '1'));
  const agreement = twice.length === 0 ? null : same.length / twice.length;
  const ticked = ticks.filter(({ first }) => first);
  const seen = ticked.filter(({ again }) => again === '1');
  if (ticked.length > 0 && seen.length === 0)
    throw bad(`the second look is empty: none of ${plural(ticked.length, 'ticked image')} is ticked again`);
  const wrongOf = (some: typeof ticks): number => some.filter(({ isWrong }) => isWrong).length;
  const [wrong, wrongTicked] = [wrongOf(ticks), wrongOf(seen)];
  const [right, rightTicked] = [ticks.length - wrong, seen.length - wrongTicked];
  const counts = { wrong, wrongTicked, right, rightTicked };
  return { ...counts, agreement, pValue: fisherTest(counts) };
}

function sentencesOf(verdict: Omit<TestVerdict, 'sentences'>, of: ClassCounts): string[] {
  const { name, wrong, wrongTicked, right, rightTicked, agreement, registered } = verdict;
  const { pValue, corrected, estimate, interval } = verdict;
  const blind = agreement === null ? 'blind' : `blind, twice, agreement ${Math.round(100 * agreement)} %`;
  const points = (share: number): string => String(Math.round(100 * share));
  const [low, high] = interval.map(points);
  const p = (value: number): string => value.toPrecision(1);
  const counted = `${name}: ticked in ${wrongTicked} of ${wrong} wrong and ${rightTicked} of ${right} right images (${blind}); ${of.wrong} of ${of.images} images of the class are wrong.`;
  const tests = `p = ${p(pValue)}, corrected over ${plural(registered, 'registered name')} ${p(corrected)}`;
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
