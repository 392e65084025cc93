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
import { readTuned, Records, type RecordSource, SHARE_RESOLUTION } from './records.js';
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

/**
 * Returns the tables of the compared arms of some data or pool: accuracies, differences from the focus and from the reference,
 * training and heat. The n-th seeds of a pool's members form one seed of the pool.
 */
export async function armTables(
  study: Study,
  records: RecordSource,
  members: readonly string[],
): Promise<Table[]> {
  const { arms: tests, neurons } = study.tests;
  const { complete, left } = await completeArms(study, members);
  const runs = [...complete.values()].flat();
  const [sample] = runs;
  if (sample === undefined) return [];
  const all = members.map((member) => rowsOn(study, member).compared);
  const test = runs.map((row): Row => {
    const at = all.findIndex(({ seeds }) => seeds.includes(numberOf(row, 'seed')));
    const place = all[at]?.seeds.indexOf(numberOf(row, 'seed')) ?? null;
    return { ...row, benchmark: members[at] ?? null, place, ofBenchmarks: row.worst ?? null };
  });
  const isPool = members.length > 1;
  const ofPool = isPool ? pooledWorst(test) : [];
  const measures = accuracyColumns(sample);
  const look = (caption: string, ...notes: string[]) => ({ caption, notes, groupName: groupNames(neurons) });
  const over = (
    rows: readonly Row[],
    measures: readonly string[],
    differ: { minus?: Row; from?: Row } = {},
  ) => summarize(rows, { by: ['arm'], over: 'seed', measures, ...differ });
  const pooled = (differ: { minus?: Row; from?: Row } = {}): Row[] =>
    summarize(ofPool, { by: ['arm'], over: 'place', measures: ['pooledWorst'], ...differ });
  const trained = (
    await Promise.all(members.map((member) => new Records(study.recordsFolder, member).read('train')))
  ).flat();
  const isShown = (row: Row): boolean =>
    runs.some((run) => isOf(row, pick(run, ['arm', 'seed', 'configuration'])));

  const differences = (): Table[] => {
    if (!tests) return [];
    const { reference, focus, equivalence } = tests;
    const differ: { minus?: Row; from?: Row } =
      focus === undefined ? { minus: { arm: reference } } : { from: { arm: focus } };
    // The planned tests are corrected together.
    const primary =
      tests.primary ?? [...complete.keys(), ...left].filter((arm) => arm !== (focus ?? reference));
    const missing = primary.filter((arm) => !complete.has(arm));
    const isTested = all.every((compared) => compared.isTested);
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
    const planned = gains.filter(isPlanned).length;
    const minus =
      focus === undefined ? `each arm minus that of ${reference}` : `"${focus}" minus that of each other arm`;
    const margin = equivalence === undefined ? '' : `; margin ${equivalence} points`;
    return [
      ...list(
        joined(gains, pooled(differ), ofBenchmarks),
        [
          ...(['arm', 'pooledWorstValues', 'n', 'worst', 'ofBenchmarks'] as const),
          ...(['worstP', 'worstPHolm', 'worstWithin', 'verdict'] as const),
        ],
        look(
          `Test worst-group accuracy of ${minus}, in points, paired by seed${margin}${planned > 0 ? `; Holm’s correction is over ${plural(planned, 'planned test')}` : ''}`,
          ...(isTested && missing.length > 0
            ? [`Not tested before all planned arms are recorded: ${missing.join(', ')}`]
            : []),
        ),
      ),
      ...list(
        over(test, measures, { minus: { arm: reference } }),
        ['arm', 'n', ...measures],
        look(`Accuracy of each arm minus that of ${reference}, in points, paired by seed: ${INTERVAL}`),
      ),
    ];
  };

  return [
    ...list(
      joined(over(test, [...measures, 'validation']), pooled()).map((row) => ({
        ...row,
        configuration: isPool ? null : (complete.get(String(row.arm))?.[0]?.configuration ?? null),
      })),
      ['arm', 'configuration', 'pooledWorstValues', ...measures, 'validation'],
      look(
        `Accuracy in percent: ${INTERVAL}`,
        `${records.name}: seeds ${all.flatMap(({ seeds }) => seeds).join(', ')}; ${hoursText(runs)}`,
        ...(isPool
          ? [
              `Pooled over ${members.join(', ')}, all test examples of ${all[0]?.seeds.length} seeds: mean (each)`,
            ]
          : []),
        ...(left.length === 0 ? [] : [`Left out, for want of seeds: ${left.join(', ')}`]),
      ),
    ),
    ...pivot(
      isPool ? test : [],
      { down: ['arm'], across: ['benchmark'], cell: 'configuration' },
      look('Configuration of each arm, by benchmark'),
    ),
    ...differences(),
    ...list(
      over(trained.filter(isShown), measures.slice(1)).filter(
        ({ arm, n }) => n === complete.get(String(arm))?.length,
      ),
      ['arm', ...measures.slice(1)],
      look(`Training accuracy in percent, in evaluation mode: ${INTERVAL}`),
    ),
    ...list(
      // Images whose map is blank have no share.
      summarize((await records.read('heat')).filter(isShown), {
        by: ['arm', 'group'],
        over: 'seed',
        measures: HEAT,
        isPartial: true,
      }),
      ['arm', 'group', 'n', ...HEAT],
      look(
        'Share of Grad-CAM’s heat for the class of number 1 on the core of test images in percent: mean over seeds of the mean over a group’s images',
      ),
    ),
  ];
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
  const table = (caption: string, differ: { minus?: Row; from?: Row } = {}): Table[] =>
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
