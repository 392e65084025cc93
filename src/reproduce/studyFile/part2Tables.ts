import { mean } from '../../metrics/statistics.js';
import type { Table } from '../../report/table.js';
import { recordedArms } from './arms.js';
import {
  columnText,
  hoursText,
  meanText,
  minoritiesOf,
  pTexts,
  signFlipTests,
  starred,
  tableOf,
  verdictText,
  withinText,
} from './cells.js';
import {
  distinct,
  groupsIn,
  isOf,
  numberOf,
  numbers,
  type RecordRow,
  type RecordSource,
  select,
  SHARE_RESOLUTION,
} from './records.js';
import type { StudyFile } from './schema.js';

const VERDICTS = { claimed: 'gains', opposite: 'loses', small: 'equivalent', open: 'not shown' };

/** The recorded runs of arms, by arm: one for each seed. */
type CompleteArms = ReadonlyMap<string, readonly RecordRow[]>;

/** Several benchmarks as one. */
interface Pool {
  /** The worst groups, one a seed of the pool, by an arm's runs. */
  readonly worst: (rows: readonly RecordRow[]) => readonly number[];
  /** The seeds of each benchmark. */
  readonly seeds: readonly (readonly number[])[];
}

/** The arms of benchmarks that have all of their seeds, or of these seeds, in their chosen configurations, and the names of those that lack one. */
export async function completeArms(
  file: StudyFile,
  members: readonly string[],
  these?: readonly number[],
): Promise<{ readonly complete: CompleteArms; readonly left: readonly string[] }> {
  const recorded = await Promise.all(
    members.map(async (member) => ({
      seeds: these ?? file.benchmarks[member]?.arms?.seeds ?? [],
      arms: await recordedArms(file, member),
    })),
  );
  const wanted = members.flatMap((member) => file.benchmarks[member]?.arms?.only ?? []);
  // Those that are recorded in their order.
  const names = [...new Set([...recorded.flatMap(({ arms }) => [...arms.keys()]), ...wanted])];
  const arms = names.map((arm) => {
    const ofMembers = recorded.map(({ seeds, arms: own }) =>
      seeds.map((seed) => select(own.get(arm) ?? [], { seed })[0]),
    );
    return [arm, ofMembers.flat()] as const;
  });
  const isComplete = (rows: readonly (RecordRow | undefined)[]): rows is readonly RecordRow[] =>
    rows.every((row) => row !== undefined);
  return {
    complete: new Map(arms.flatMap(([arm, rows]) => (isComplete(rows) ? [[arm, rows]] : []))),
    left: arms.flatMap(([arm, rows]) => (isComplete(rows) ? [] : [arm])),
  };
}

/**
 * The tables of Part II of a benchmark, or of the members of a pool: accuracies, differences from the focus and from the reference, and
 * heat. The n-th seeds of a pool's members are one seed of the pool.
 */
export async function part2Tables(
  file: StudyFile,
  records: RecordSource,
  members: readonly string[],
): Promise<Table[]> {
  const { comparisons, benchmarks } = file;
  const arms = members.flatMap((member) => benchmarks[member]?.arms ?? []);
  const [firstArms] = arms;
  if (!firstArms || !comparisons) return [];
  const { reference, focus, primary, equivalence } = comparisons;
  const seeds = arms.flatMap((own) => own.seeds);
  const isTested = arms.every(({ tested }) => tested);
  const ofPool = firstArms.seeds.map((_, n) => arms.flatMap((own) => own.seeds[n] ?? []));
  const pool: Pool | undefined =
    members.length > 1
      ? { worst: (rows) => pooledWorst(rows, ofPool), seeds: arms.map((own) => own.seeds) }
      : undefined;
  const worstOf = pool?.worst;
  const { complete, left } = await completeArms(file, members);
  const all = [...complete.values()].flat();
  const [sample] = all;
  if (sample === undefined) return [];
  const minorities = minoritiesOf(file.models?.tests);
  const groups = groupsIn(sample, 'group');
  const shown = starred(groups, minorities);
  const ofGroups = groups.map((group) => `group${group}`);
  const measures = ['worst', ...ofGroups];
  const accuracies = tableOf(
    'Accuracy in percent: mean over seeds, 95 % interval',
    [
      ...['arm', worstOf ? 'pooled worst group' : 'configuration'],
      ...['test worst group', ...shown, 'validation worst group'],
    ],
    [...complete].map(([arm, rows]) => [
      arm,
      worstOf ? listText(worstOf(rows)) : String(rows[0]?.configuration ?? ''),
      ...[...measures, 'validation'].map((column) => columnText(rows, column, 1, 100)),
    ]),
    `${records.benchmark}: seeds ${seeds.join(', ')}; ${hoursText(all)}`,
    ...(worstOf
      ? [`Pooled over ${members.join(', ')}, all test examples of ${ofPool.length} seeds: mean (each)`]
      : []),
    ...(left.length === 0 ? [] : [`Left out, for want of seeds: ${left.join(', ')}`]),
  );
  return [
    accuracies,
    ...(worstOf ? [configurationTable(complete, members, arms)] : []),
    ...focusTable(complete, { focus, planned: isTested ? primary : [], equivalence }, pool),
    ...gainTable(complete, reference, measures, shown),
    ...trainTable(await records.read('train'), complete, ofGroups, shown),
    ...heatTable(await records.read('heat'), complete),
  ];
}

/** The configuration of each arm on each benchmark of a pool, whose tuning may differ. */
function configurationTable(
  complete: CompleteArms,
  members: readonly string[],
  arms: readonly { readonly seeds: readonly number[] }[],
): Table {
  return tableOf(
    'Configuration of each arm, by benchmark',
    ['arm', ...members],
    [...complete].map(([arm, rows]) => [
      arm,
      ...arms.map(({ seeds }) => {
        const own = rows.filter((row) => seeds.includes(numberOf(row, 'seed')));
        return distinct(own, 'configuration').join(', ');
      }),
    ]),
  );
}

/** The worst-group accuracies of a pool over all examples of its benchmarks, one for each set of seeds that make a seed of the pool. */
export function pooledWorst(
  rows: readonly RecordRow[],
  seeds: readonly (readonly number[])[],
): readonly number[] {
  const groups = groupsIn(rows[0], 'total');
  return seeds.map((own) => {
    const found = rows.filter((row) => own.includes(numberOf(row, 'seed')));
    const sum = (column: string): number => numbers(found, column).reduce((all, value) => all + value, 0);
    return Math.min(...groups.map((group) => sum(`correct${group}`) / sum(`total${group}`)));
  });
}

/** `mean (each)` in percent; empty where benchmarks were recorded before they were a pool. */
function listText(values: readonly number[]): string {
  if (!values.every(Number.isFinite)) return '';
  const [all, ...each] = [mean([...values]), ...values].map((value) => (100 * value).toFixed(1));
  return `${all} (${each.join(', ')})`;
}

/** The focus minus each other arm: tests against the primary ones, the others described. */
function focusTable(
  complete: CompleteArms,
  compared: { readonly focus: string; readonly planned: readonly string[]; readonly equivalence: number },
  pool: Pool | undefined,
): Table[] {
  const { focus, planned, equivalence: margin } = compared;
  const own = complete.get(focus);
  if (!own) return [];
  const ofFocus = pool?.worst(own);
  /** Of two models of a benchmark, which are tested on the same examples, one value. */
  const byBenchmark = (values: readonly number[]): readonly number[] | undefined =>
    pool?.seeds.map((seeds) => mean(values.filter((_, i) => seeds.includes(numberOf(own[i] ?? {}, 'seed')))));
  const differences = [...complete]
    .filter(([arm]) => arm !== focus)
    .map(([arm, rows]) => {
      const values = minus(own, rows, 'worst').map((value) => 100 * value);
      const others = pool?.worst(rows);
      const pooled = ofFocus?.map((value, i) => value - (others?.[i] ?? Number.NaN));
      return { arm, values, pooled };
    });
  const missing = planned.filter((arm) => !complete.has(arm));
  // The planned tests are corrected together.
  const primary = missing.length === 0 ? planned : [];
  const corrected = signFlipTests(
    differences.map(({ arm, values }) => (primary.includes(arm) ? values : null)),
    { resolution: 100 * SHARE_RESOLUTION },
  );
  const isJudged = pool !== undefined && primary.length > 0;
  const tests = differences.filter(({ arm }) => primary.includes(arm)).length;
  const tested = tests > 0 ? ['p', `p, Holm over ${tests}`] : [];
  return [
    tableOf(
      `Test worst-group accuracy of "${focus}" minus that of each other arm, in points, paired by seed`,
      [
        ...['arm', ...(pool ? ['pooled'] : []), 'n', 'mean [95 %]'],
        ...(pool ? [`over ${pool.seeds.length} benchmarks [95 %]`] : []),
        ...[...tested, `90 % within ${margin}`],
        ...(isJudged ? ['verdict'] : []),
      ],
      differences.map(({ arm, values, pooled }, i) => {
        const test = corrected[i] ?? { p: undefined, holm: undefined };
        const of = byBenchmark(values);
        return [
          ...[arm, ...(pooled ? [listText(pooled)] : []), String(values.length), meanText(values, 1)],
          ...(of ? [meanText(of, 1)] : []),
          ...(tests > 0 ? pTexts(test) : []),
          withinText(values, margin, 1),
          ...(isJudged ? [verdictText(values, test, { margin, sign: 1 }, VERDICTS)] : []),
        ];
      }),
      ...(missing.length === 0
        ? []
        : [`Not tested before all planned arms are recorded: ${missing.join(', ')}`]),
    ),
  ];
}

/** Each arm minus the reference, described and not tested. */
function gainTable(
  complete: CompleteArms,
  reference: string,
  measures: readonly string[],
  groups: readonly string[],
): Table[] {
  const compared = complete.get(reference);
  if (!compared) return [];
  const rows = [...complete]
    .filter(([arm]) => arm !== reference)
    .map(([arm, own]) => [
      arm,
      String(own.length),
      ...measures.map((column) => meanText(minus(own, compared, column), 1, 100)),
    ]);
  const caption = `Accuracy of each arm minus that of ${reference}, in points, paired by seed: mean, 95 % interval`;
  return [tableOf(caption, ['arm', 'n', 'test worst group', ...groups], rows)];
}

/** How far each arm's networks fit the training images of each group; of arms of which all runs have it. */
function trainTable(
  all: readonly RecordRow[],
  complete: CompleteArms,
  measures: readonly string[],
  groups: readonly string[],
): Table[] {
  const rows = [...complete].flatMap(([arm, runs]) => {
    const found = runs.flatMap(({ seed = null, configuration = null }) =>
      select(all, { arm, seed, configuration }),
    );
    if (found.length < runs.length) return [];
    return [[arm, ...measures.map((column) => columnText(found, column, 1, 100))]];
  });
  if (rows.length === 0) return [];
  const caption = 'Training accuracy in percent, in evaluation mode: mean over seeds, 95 % interval';
  return [tableOf(caption, ['arm', ...groups], rows)];
}

/** Images whose map is blank have no share: `difference` is over those that have one before and after. */
function heatTable(all: readonly RecordRow[], complete: CompleteArms): Table[] {
  const runs = [...complete.values()].flat();
  const isShown = (row: RecordRow): boolean =>
    runs.some(({ arm = null, seed = null, configuration = null }) => isOf(row, { arm, seed, configuration }));
  const heat = all.filter(isShown);
  if (heat.length === 0) return [];
  const rows = distinct(heat, 'arm').flatMap((arm) =>
    distinct(heat, 'group').map((group) => {
      const found = select(heat, { arm, group });
      const text = (column: string): string => {
        const values = numbers(found, column).filter((value) => !Number.isNaN(value));
        return values.length === 0 ? '' : meanText(values, 1, 100);
      };
      const means = ['core', 'before', 'after', 'difference'].map(text);
      return [String(arm), `G${String(group)}`, String(found.length), ...means];
    }),
  );
  return [
    tableOf(
      'Share of Grad-CAM\u2019s heat for the class of number 1 on the core of test images in percent: mean over seeds of the mean over a group\u2019s images',
      ['arm', 'group', 'n', 'core\u2019s share of the image', 'ERM', 'arm', 'difference, points'],
      rows,
    ),
  ];
}

/** Reads the arms that `across` sets beside each other, with the seeds that all benchmarks have. */
export async function readAcross(file: StudyFile) {
  const places = Object.entries(file.across ?? {});
  const seedsOf = (name: string): readonly number[] => file.benchmarks[name]?.arms?.seeds ?? [];
  const seeds = places
    .map(([, name]) => seedsOf(name))
    .reduce((fewest, own) => (own.length < fewest.length ? own : fewest));
  const columns = await Promise.all(
    places.map(async ([name, benchmark]) => {
      const { complete } = await completeArms(file, [benchmark], seeds);
      return { name, benchmark, complete };
    }),
  );
  // Those of the benchmarks that have the fewest seeds.
  const shared = columns.filter(({ benchmark }) => seedsOf(benchmark).length === seeds.length);
  const arms = [...new Set(shared.flatMap(({ complete }) => [...complete.keys()]))];
  return { seeds, columns, arms };
}

/** Worst groups by benchmark: accuracies, gains over the reference, and what the focus gains over each other arm. */
export async function acrossTables(file: StudyFile): Promise<Table[]> {
  const { comparisons } = file;
  if (!comparisons || file.across === undefined) return [];
  const { seeds, columns, arms } = await readAcross(file);
  const { reference, focus } = comparisons;
  const table = (
    caption: string,
    of: readonly string[],
    valuesOf: (rows: readonly RecordRow[], complete: CompleteArms) => readonly number[] | undefined,
  ): Table =>
    tableOf(
      `${caption}: mean over seeds ${seeds.join(', ')}, 95 % interval`,
      ['arm', ...columns.map(({ name }) => name)],
      of.map((arm) => [
        arm,
        ...columns.map(({ complete }) => {
          const rows = complete.get(arm);
          const values = rows && valuesOf(rows, complete);
          return values === undefined ? '' : meanText(values, 1, 100);
        }),
      ]),
    );
  const but = (one: string): string[] => arms.filter((arm) => arm !== one);
  return [
    table('Test worst-group accuracy in percent', arms, (rows) => numbers(rows, 'worst')),
    table(`The same minus that of ${reference}, in points`, but(reference), (rows, complete) => {
      const compared = complete.get(reference);
      return compared && minus(rows, compared, 'worst');
    }),
    table(`That of "${focus}" minus that of each other arm, in points`, but(focus), (rows, complete) => {
      const own = complete.get(focus);
      return own && minus(own, rows, 'worst');
    }),
  ];
}

/** Paired by seed. */
function minus(rows: readonly RecordRow[], others: readonly RecordRow[], column: string): number[] {
  return rows.map((row, i) => numberOf(row, column) - numberOf(others[i] ?? {}, column));
}
