import { groupRows } from '../../experiments/memorization.js';
import { type CsvRow, distinct, numberOf, type Row, select } from '../../kit/rows.js';
import { summarize, withTests } from '../../kit/summarize.js';
import { list, type Table } from '../../kit/table.js';
import { dots } from '../../report/chart.js';
import type { NamedChart } from '../../report/vega/render.js';
import { groupNames, judged } from '../cells.js';
import type { RecordSource } from '../part.js';
import {
  memorizationTestRows,
  type MemorizationTests,
  POST_HOC,
  proxyRows,
  type RecordedChange,
} from './tests.js';

const groupOf = ({ group, class: label, attribute }: Row): string =>
  `G${String(group)} (${[label, attribute].filter((text) => text !== null && text !== '').join(', ')})`;

/** Returns the table of models' answers by group; none without rows. */
export function memorizationTable(rows: readonly Row[]): Table[] {
  const names = new Map(rows.map((row) => [row.group, groupOf(row)]));
  return list(rows, ['stage', 'group', 'n', 'images', 'rightIn', 'rightOut', 'memorization', 'memorized'], {
    caption: 'Memorization: accuracy on images that a model trained on, minus on images that it left out',
    notes: ['means over models, 95 % intervals; a model is a pair'],
    groupName: (group) => names.get(group) ?? `G${group}`,
  });
}

type Tests = MemorizationTests | undefined;

/** Returns the table of recorded answers, and those of planned tests. None if none are recorded. */
export async function memorizationTables(tests: Tests, records: RecordSource): Promise<Table[]> {
  const answers = await records.read('predictions');
  const tables = memorizationTable(groupRows(answers));
  if (tests === undefined || answers.length === 0) return tables;
  const own = await testedRows(tests, answers, records);
  return [
    ...tables,
    ...testTable(tests, memorizationTestRows(tests, ...own)),
    ...proxyTable(tests, proxyRows(tests, ...own)),
  ];
}

/** The answers and changes of the tested models. */
async function testedRows(
  { of: stage }: MemorizationTests,
  answers: readonly CsvRow[],
  records: RecordSource,
) {
  const changes = (await records.read('changes')) as unknown as RecordedChange[];
  return [select(answers, { stage }), select(changes, { stage })] as const;
}

function testTable(tests: MemorizationTests, rows: readonly Row[]): Table[] {
  const by = ['question', 'criterion', 'chosenFor', 'unit', 'margin', 'sign'];
  const tested = withTests(summarize(rows, { by, over: 'seed', measures: ['value', 'compared'] }), 'value', {
    family: ({ question }) => (String(question).startsWith(POST_HOC) ? null : 'planned'),
    margin: (row) => numberOf(row, 'margin'),
  }).map((row) => judged(row));
  return list(
    tested,
    [
      'question',
      'criterion',
      'chosenFor',
      'n',
      'compared',
      'value',
      'valueP',
      'valuePHolm',
      'limit',
      'valueWithin',
      'verdict',
    ],
    {
      caption: `Planned tests: k = ${tests.k}, ${tests.of} models; margins at equal margins before, beyond random neurons, in logits; Holm\u2019s correction is over the ${tested.filter((row) => row.valueP !== undefined).length} tests`,
      notes: [
        'means over models, 95 % intervals; memorized images are of the majority group of the class, above 0.5 by the other models',
      ],
      groupName: groupNames(tests),
    },
  );
}

function proxyTable(tests: MemorizationTests, rows: readonly Row[]): Table[] {
  const { same, least } = tests.proxy;
  const summarized = summarize(rows, { by: ['name', 'group'], over: 'seed', measures: ['memorizedAuc'] });
  const named = summarized.map((row): Row => {
    const low = numberOf(row, 'memorizedAucLow');
    return { ...row, verdict: low > same ? 'tells the same' : low > least ? 'a proxy' : 'no proxy' };
  });
  return list(named, ['name', 'group', 'n', 'memorizedAuc', 'verdict'], {
    caption: 'Does one model tell which of its training images are memorized?',
    notes: [
      `means over models, 95 % intervals; a proxy: the interval is above ${least}; tells the same: above ${same}`,
    ],
    groupName: groupNames(tests),
  });
}

/** Draws the memorization of each group, and the planned tests in logits: a dot per model. */
export async function memorizationCharts(tests: Tests, records: RecordSource): Promise<NamedChart[]> {
  const answers = await records.read('predictions');
  const rows = groupRows(answers);
  const isOne = distinct(rows, 'stage').length <= 1;
  const groups = dots(
    rows.map((row) => ({ ...row, arm: `${isOne ? '' : `${String(row.stage)}, `}${groupOf(row)}` })),
    {
      name: `${records.name}-memorization`,
      title: `${records.name}: memorization of single images`,
      groups: [],
      down: ['arm'],
      x: 'memorization',
    },
  );
  if (tests === undefined || rows.length === 0) return groups;
  const tested = memorizationTestRows(tests, ...(await testedRows(tests, answers, records)));
  const by = ['question', 'criterion', 'chosenFor'] as const;
  const inLogits = select(tested, { unit: 'logits' })
    .filter(({ question }) => !question.startsWith(POST_HOC))
    .map((row): Row => ({ ...row, logits: row.value }));
  return [
    ...groups,
    ...dots(summarize(inLogits, { by, over: 'seed', measures: ['logits'] }), {
      name: `${records.name}-memorized-logits`,
      title: `${records.name}: planned tests, margins at equal margins before`,
      groups: [],
      down: by,
      x: 'logits',
    }),
  ];
}
