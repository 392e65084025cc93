import { fixed, MARKED_P, probability } from '../kit/columns.js';
import { numberOf, type Row, select } from '../kit/rows.js';
import type { GroupLabel } from '../kit/table.js';
import { COSTS, isDifference, setsOf } from '../report/changes.js';
import { judge } from '../report/claim.js';
import { points, range, size } from '../report/format.js';
import { groupLabels, type Groups } from '../report/groupLabels.js';
import { changeRows, perNull } from '../report/rows.js';
import { shortcutOf } from '../report/sections/shortcut.js';
import type { QuickstartResult } from '../study/quickstart.js';

/** The number of zeroed neurons whose effect the screen shows. */
const K = 3;

/** Returns the quickstart's results as one screen: at most 28 lines of 100 columns. */
export function quickstartScreen(result: QuickstartResult, seconds: number): string {
  const { dataset, erm, run, report } = result;
  const groups = groupLabels(dataset);
  const worst = erm.test.worstGroup;
  return [
    `Quickstart finished in ${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s: a ResNet-18 for pullover or coat, with digits above the garments.`,
    '',
    `1. Right only in training?${' '.repeat(9)}images   training      test       gap`,
    ...groups.map((group) => accuracyLine(group, result, worst)),
    ...follows(result),
    `   ${memorizes(groups, result)}`,
    '',
    ...neuronLines(groups, result),
    '',
    '3. Does retraining help?  Accuracy of the worst test group, after ERM and a second training',
    ...repairLines(result),
    'One model shows little: another seed or CPU moves these numbers by tens of points.',
    `Report  ${report}`,
    `Next    npx spurmem neurons --run ${run}   what these neurons respond to`,
    '        npx spurmem init                             the same on your own images',
  ].join('\n');
}

const percent = (fraction: number | null | undefined): string =>
  fixed(typeof fraction === 'number' ? 100 * fraction : fraction, 1);

function accuracyLine({ index, full }: GroupLabel, { erm }: QuickstartResult, worst: number): string {
  const [train, test] = [erm.train.accuracy[index], erm.test.accuracy[index]];
  const gap = typeof train === 'number' && typeof test === 'number' ? train - test : null;
  const cells = [
    String(erm.train.total[index]).padStart(8),
    ...[train, test, gap].map((value) => percent(value).padStart(10)),
  ];
  return `   ${full.padEnd(30)}${cells.join('')}${index === worst ? '   worst in test' : ''}`;
}

/** States how far the network follows the digit. */
function follows({ erm, dataset }: QuickstartResult): string[] {
  const found = shortcutOf(erm, dataset);
  if (!found) return [];
  const does = found.verdict === 'follows' ? 'It follows the digit' : 'The digit';
  return [
    `   ${does}: test accuracy is ${size(found.difference.value)} lower where it misleads (${range(found.difference.interval)}).`,
  ];
}

/** States whether training accuracy is far above test accuracy in minority groups alone. */
function memorizes(groups: Groups, { erm }: QuickstartResult): string {
  const gaps = (minority: boolean): number =>
    Math.max(
      ...groups
        .filter((group) => group.minority === minority)
        .map(({ index }) => Number(erm.train.accuracy[index]) - Number(erm.test.accuracy[index])),
    );
  const [ofMinority, ofMajority] = [gaps(true), gaps(false)];
  return ofMinority > 0.1 && ofMinority > 2 * ofMajority
    ? 'Yes: it fits minority groups (*, rare in their class) in training, and fails on new images.'
    : 'Not here: minority groups (*, rare in their class) do about as well on new images.';
}

function neuronLines(groups: Groups, { dataset, trace, erm, run }: QuickstartResult): string[] {
  const entries = trace.entries.filter(
    ({ criterion, k, group }) => criterion === 'gradient' && k === K && groups[group]?.minority === true,
  );
  const told = entries.find(({ group }) => group === erm.test.worstGroup) ?? entries[0];
  const lines = entries.map(({ group, neurons, change }): [string, string, string[]] => [
    groups[group]?.short ?? '',
    neurons.map(({ layer, index }) => `${layer}[${index}]`).join(' '),
    change.map((one) => points(one, 1)),
  ]);
  const table = [
    ['chosen for', 'channels of largest gradient', groups.map(({ short }) => short)] as const,
    ...lines,
  ];
  const room = Math.max(...table.map(([, names]) => names.length));
  // The report's rows, so that p-values are corrected over the same tests.
  const tests = setsOf(changeRows([trace], dataset.groupNames)).filter(isDifference);
  const own = { criterion: 'gradient', k: K, chosenFor: told?.group ?? null };
  return [
    `2. Do the chosen neurons matter?  ${K} of ${trace.numNeurons} channels, weights set to 0; training accuracy, points`,
    ...table.map(
      ([chosen, names, cells]) =>
        `   ${chosen.padEnd(12)}${names.padEnd(room)}${cells.map((cell) => cell.padStart(7)).join('')}`,
    ),
    ...randomLines(perNull(tests), own, groups, run),
  ];
}

/** Returns the effect of random neurons on one of the tested sets, by null, and the conclusion, judged as the report judges its claim. */
function randomLines(tests: readonly Row[], own: Row, groups: Groups, run: string): string[] {
  const tested = select(tests, own);
  const [first] = tested;
  if (!first) return [];
  const nearest = { null: first.null ?? null };
  const judgement = judge(select(tests, nearest), COSTS, select(tested, nearest));
  if (!judgement) return [];
  const { draws, of, needed } = judgement;
  const change = numberOf(first, 'change');
  const notShown = ['   So it is not shown that these neurons matter more than random ones.'];
  const conclusions = {
    holds: ['   These neurons matter more to minority groups than random neurons do, in this one model.'],
    reversed: notShown,
    notShown,
    weak: [
      `   Too weak to judge: ${draws} random sets for each of ${of} tests leave no p below ${MARKED_P}. These do:`,
      `      npx spurmem trace unstructured --run ${run} --null-draws ${needed}`,
    ],
  };
  return [
    `   Minority minus majority, for ${groups[Number(first.chosenFor)]?.short ?? ''}: ${points(change, 1)} points. Random sets, p after Holm’s correction:`,
    ...tested.map((row) => {
      const [mean, low, high] = ['Mean', 'Low', 'High'].map((end) =>
        points(numberOf(row, `randomAccuracy${end}`), 1),
      );
      return `      ${String(row.null).padEnd(48)}${mean?.padStart(6) ?? ''}  ${`(${low ?? ''} to ${high ?? ''})`.padEnd(18)} p ${probability(numberOf(row, 'randomAccuracyPHolm'), 2)}`;
    }),
    ...conclusions[judgement.answer],
  ];
}

/** Returns two methods per line, ERM first. */
function repairLines({ comparison: { runs } }: QuickstartResult): string[] {
  const cells = runs.map(({ title, test }) => `${percent(test.worstGroupAccuracy).padStart(6)}  ${title}`);
  return cells.flatMap((cell, at) =>
    at % 2 === 0 ? [`   ${cell.padEnd(46)}${cells[at + 1] ?? ''}`.trimEnd()] : [],
  );
}
