import type { ColumnName } from '../kit/columns.js';
import {
  type CsvRow,
  groupedBy,
  groupsIn,
  isOf,
  numberOf,
  numbers,
  pick,
  type Row,
  select,
} from '../kit/rows.js';
import { summarize, verdictOf, withTests } from '../kit/summarize.js';
import { list, pivot, type Table } from '../kit/table.js';
import { plural } from '../report/format.js';
import { accuracyColumns, groupNames, hoursText } from './cells.js';
import type { RecordSource } from './part.js';
import { readTuned, Records, SHARE_RESOLUTION } from './records.js';
import { rowsOn, type Study } from './schema.js';
import { chosenConfiguration } from './tuning.js';
import { variantsOf } from './variants.js';

const VERDICTS = { claimed: 'gains', opposite: 'loses', small: 'equivalent', unclear: 'not shown' };
const INTERVAL = 'mean over seeds, 95 % interval';

/** Grad-CAM's heat on the core: the core's share of the image, the heat's share before and after, and their difference. */
const HEAT = ['core', 'before', 'after', 'difference'] as const satisfies readonly ColumnName[];

/** The recorded runs of arms, by row: one per seed. */
export type CompleteArms = ReadonlyMap<string, readonly CsvRow[]>;

/**
 * Returns the compared arms with complete seeds (by default the study's) in their chosen configurations, in the order of the
 * records; and the names of arms with missing seeds or unfinished tuning.
 */
export async function completeArms(
  study: Study,
  members: readonly string[],
  these?: readonly number[],
): Promise<{ readonly complete: CompleteArms; readonly left: readonly string[] }> {
  const tuned = await readTuned(study);
  const all = await Promise.all(
    members.map(async (data) => {
      const { arms, seeds, tunedOn } = rowsOn(study, data).compared;
      const rows = await new Records(study.recordsFolder, data).read('test');
      const wanted = arms.flatMap((arm) => {
        const chosen = chosenConfiguration(study, arm, tunedOn, tuned);
        return variantsOf(study, data, arm, tuned, chosen).map(
          ({ row, configuration }) => [row, configuration] as const,
        );
      });
      return { seeds: these ?? seeds, rows, wanted: new Map(wanted) };
    }),
  );
  const recorded = all.flatMap(({ rows, wanted }) =>
    rows.map(({ arm }) => String(arm)).filter((arm) => wanted.has(arm)),
  );
  const names = [...new Set([...recorded, ...all.flatMap(({ wanted }) => [...wanted.keys()])])];
  const arms = names.map((arm) => {
    const runs = all.flatMap(({ seeds, rows, wanted }) => {
      const configuration = wanted.get(arm);
      const own = configuration ? select(rows, { arm, configuration: JSON.stringify(configuration) }) : [];
      return seeds.map((seed) => select(own, { seed })[0]);
    });
    return [arm, runs] as const;
  });
  const isComplete = (rows: readonly (CsvRow | undefined)[]): rows is readonly CsvRow[] =>
    rows.every((row) => row !== undefined);
  return {
    complete: new Map(arms.flatMap(([arm, rows]) => (isComplete(rows) ? [[arm, rows]] : []))),
    left: arms.flatMap(([arm, rows]) => (isComplete(rows) ? [] : [arm])),
  };
}

/** How arms differ from others in a table: less another arm, or another arm from which they are taken. */
interface Differ {
  readonly minus?: Row;
  readonly from?: Row;
}

/** The compared arms of some data or pool. */
interface Compared {
  readonly study: Study;
  readonly name: string;
  readonly members: readonly string[];
  readonly arms: CompleteArms;
  /** Arms with missing seeds or unfinished tuning. */
  readonly left: readonly string[];
  /** A row for each recorded run of an arm. */
  readonly runs: readonly CsvRow[];
  /** The same rows, with their data set, and the place of their seed among the data set's seeds. */
  readonly test: readonly Row[];
  /** The seeds of each member, [members]. */
  readonly seeds: readonly (readonly number[])[];
  readonly measures: readonly ColumnName[];
}

/**
 * Returns the tables of the compared arms of some data or pool: accuracies, differences from the focus and from the reference,
 * training and heat. The n-th seeds of a pool's members form one seed of the pool.
 */
export async function armTables(
  study: Study,
  records: RecordSource,
  members: readonly string[],
): Promise<Table[]> {
  const { complete: arms, left } = await completeArms(study, members);
  const runs = [...arms.values()].flat();
  const [sample] = runs;
  if (sample === undefined) return [];
  const seeds = members.map((member) => rowsOn(study, member).compared.seeds);
  const test = runs.map((row): Row => {
    const at = seeds.findIndex((own) => own.includes(numberOf(row, 'seed')));
    const place = seeds[at]?.indexOf(numberOf(row, 'seed')) ?? null;
    return { ...row, benchmark: members[at] ?? null, place, ofBenchmarks: row.worst ?? null };
  });
  const measures = accuracyColumns(sample);
  const compared = { study, name: records.name, members, arms, left, runs, test, seeds, measures };
  const trained = await Promise.all(
    members.map((member) => new Records(study.recordsFolder, member).read('train')),
  );
  return [
    ...accuracyTables(compared),
    ...differenceTables(compared),
    ...trainingTable(compared, trained.flat()),
    ...heatTable(compared, await records.read('heat')),
  ];
}

function look({ study }: Compared, caption: string, ...notes: string[]) {
  return { caption, notes, groupName: groupNames(study.tests.neurons) };
}

function over(rows: readonly Row[], measures: readonly string[], differ: Differ = {}): Row[] {
  return summarize(rows, { by: ['arm'], over: 'seed', measures, ...differ });
}

/** Returns the worst group over all test examples of a pool, by arm; nothing of one data set. */
function ofPool({ members, test }: Compared, differ: Differ = {}): Row[] {
  const rows = members.length > 1 ? pooledWorst(test) : [];
  return summarize(rows, { by: ['arm'], over: 'place', measures: ['pooledWorst'], ...differ });
}

function accuracyTables(compared: Compared): Table[] {
  const { name, members, arms, left, runs, test, seeds, measures } = compared;
  const isPool = members.length > 1;
  return [
    ...list(
      joined(over(test, [...measures, 'validation']), ofPool(compared)).map((row) => ({
        ...row,
        configuration: isPool ? null : (arms.get(String(row.arm))?.[0]?.configuration ?? null),
      })),
      ['arm', 'configuration', 'pooledWorstValues', ...measures, 'validation'],
      look(
        compared,
        `Accuracy in percent: ${INTERVAL}`,
        `${name}: seeds ${seeds.flat().join(', ')}; ${hoursText(runs)}`,
        ...(isPool
          ? [`Pooled over ${members.join(', ')}, all test examples of ${seeds[0]?.length} seeds: mean (each)`]
          : []),
        ...(left.length === 0 ? [] : [`Left out, for want of seeds: ${left.join(', ')}`]),
      ),
    ),
    ...pivot(
      isPool ? test : [],
      { down: ['arm'], across: ['benchmark'], cell: 'configuration' },
      look(compared, 'Configuration of each arm, by benchmark'),
    ),
  ];
}

/** Returns differences of worst groups with the planned tests, and of all accuracies from the reference. */
function differenceTables(compared: Compared): Table[] {
  const { study, members, arms, left, test, measures } = compared;
  const { arms: tests } = study.tests;
  if (!tests) return [];
  const { reference, focus, equivalence } = tests;
  const isPool = members.length > 1;
  const differ: Differ = focus === undefined ? { minus: { arm: reference } } : { from: { arm: focus } };
  // The planned tests are corrected together.
  const primary = tests.primary ?? [...arms.keys(), ...left].filter((arm) => arm !== (focus ?? reference));
  const missing = primary.filter((arm) => !arms.has(arm));
  const isTested = members.every((member) => rowsOn(study, member).compared.isTested);
  const isPlanned = (row: Row): boolean =>
    isTested && missing.length === 0 && primary.includes(String(row.arm));
  const gains = withTests(over(test, ['worst'], differ), 'worst', {
    family: (row) => (isPlanned(row) ? 'planned' : null),
    resolution: () => SHARE_RESOLUTION,
    margin: () => (equivalence ?? Number.NaN) / 100,
  }).map((row): Row => ({ ...row, verdict: isPool ? verdictOf(row, 'worst', 1, VERDICTS) : '' }));
  // Two models of a benchmark are tested on the same examples.
  const ofBenchmarks = summarize(isPool ? test : [], {
    by: ['arm'],
    over: 'benchmark',
    measures: ['ofBenchmarks'],
    ...differ,
  });
  const minus =
    focus === undefined ? `each arm minus that of ${reference}` : `"${focus}" minus that of each other arm`;
  const margin = equivalence === undefined ? '' : `; margin ${equivalence} points`;
  const planned = gains.filter(isPlanned).length;
  const correction = planned > 0 ? `; Holm’s correction is over ${plural(planned, 'planned test')}` : '';
  return [
    ...list(
      joined(gains, ofPool(compared, differ), ofBenchmarks),
      [
        ...(['arm', 'pooledWorstValues', 'n', 'worst', 'ofBenchmarks'] as const),
        ...(['worstP', 'worstPHolm', 'worstWithin', 'verdict'] as const),
      ],
      look(
        compared,
        `Test worst-group accuracy of ${minus}, in points, paired by seed${margin}${correction}`,
        ...(isTested && missing.length > 0
          ? [`Not tested before all planned arms are recorded: ${missing.join(', ')}`]
          : []),
      ),
    ),
    ...list(
      over(test, measures, { minus: { arm: reference } }),
      ['arm', 'n', ...measures],
      look(
        compared,
        `Accuracy of each arm minus that of ${reference}, in points, paired by seed: ${INTERVAL}`,
      ),
    ),
  ];
}

/** Whether a row is of a recorded run that the tables compare. */
function isShown({ runs }: Compared, row: Row): boolean {
  return runs.some((run) => isOf(row, pick(run, ['arm', 'seed', 'configuration'])));
}

function trainingTable(compared: Compared, trained: readonly CsvRow[]): Table[] {
  const { arms } = compared;
  const measures = compared.measures.slice(1);
  const rows = trained.filter((row) => isShown(compared, row));
  return list(
    over(rows, measures).filter(({ arm, n }) => n === arms.get(String(arm))?.length),
    ['arm', ...measures],
    look(compared, `Training accuracy in percent, in evaluation mode: ${INTERVAL}`),
  );
}

function heatTable(compared: Compared, heat: readonly CsvRow[]): Table[] {
  const rows = heat.filter((row) => isShown(compared, row));
  return list(
    // Images whose map is blank have no share.
    summarize(rows, { by: ['arm', 'group'], over: 'seed', measures: HEAT, isPartial: true }),
    ['arm', 'group', 'n', ...HEAT],
    look(
      compared,
      'Share of Grad-CAM’s heat for the class of number 1 on the core of test images in percent: mean over seeds of the mean over a group’s images',
    ),
  );
}

/** Adds the measures in other rows of an arm to its rows. */
function joined(rows: readonly Row[], ...others: readonly (readonly Row[])[]): Row[] {
  return rows.map(
    ({ arm = null, ...row }) =>
      Object.assign({ arm }, ...others.map((all) => select(all, { arm })[0]), row) as Row,
  );
}

/** Returns the worst group over all test examples of a pool, for each arm and seed position. */
function pooledWorst(test: readonly Row[]): Row[] {
  const groups = groupsIn(test[0], 'total');
  return groupedBy(test, ['arm', 'place']).map((rows): Row => {
    const sum = (column: string): number => numbers(rows, column).reduce((all, value) => all + value, 0);
    const { arm = null, place = null } = rows[0] ?? {};
    const shares = groups.map((group) => sum(`correct${group}`) / sum(`total${group}`));
    return { arm, place, pooledWorst: Math.min(...shares) };
  });
}

/**
 * Returns worst groups by data, over the seeds that all data sets have: accuracies, gains over the reference, and the focus's gain over each
 * other arm.
 */
export async function acrossTables(study: Study): Promise<Table[]> {
  const { arms: tests } = study.tests;
  if (!tests || study.across === undefined) return [];
  const places = Object.entries(study.across);
  const seedsOf = (data: string): readonly number[] => rowsOn(study, data).compared.seeds;
  const seeds = places
    .map(([, data]) => seedsOf(data))
    .reduce((fewest, own) => (own.length < fewest.length ? own : fewest));
  const columns = await Promise.all(
    places.map(async ([name, data]) => ({
      name,
      data,
      complete: (await completeArms(study, [data], seeds)).complete,
    })),
  );
  // The seeds of the data set with the fewest.
  const shared = columns.filter(({ data }) => seedsOf(data).length === seeds.length);
  const arms = [...new Set(shared.flatMap(({ complete }) => [...complete.keys()]))];
  const { reference, focus } = tests;
  const rows = columns.flatMap(({ name, complete }) =>
    arms.flatMap((arm) => (complete.get(arm) ?? []).map((row): Row => ({ ...row, benchmark: name }))),
  );
  const table = (caption: string, differ: Differ = {}): Table[] =>
    pivot(
      summarize(rows, { by: ['benchmark', 'arm'], over: 'seed', measures: ['worst'], ...differ }),
      { down: ['arm'], across: ['benchmark'], cell: 'worst' },
      { caption: `${caption}: mean over seeds ${seeds.join(', ')}, 95 % interval` },
    );
  return [
    ...table('Test worst-group accuracy in percent'),
    ...table(`The same minus that of ${reference}, in points`, { minus: { arm: reference } }),
    ...(focus === undefined
      ? []
      : table(`That of "${focus}" minus that of each other arm, in points`, { from: { arm: focus } })),
  ];
}
