import type { ColumnName } from '../../kit/columns.js';
import { groupedBy, groupsIn, isOf, numberOf, numbers, pick, type Row, select } from '../../kit/rows.js';
import { summarize, verdictOf, withTests } from '../../kit/summarize.js';
import { list, pivot, type Table } from '../../kit/table.js';
import { plural } from '../../report/format.js';
import { recordedArms } from './arms.js';
import { accuracyColumns, groupNames, hoursText } from './cells.js';
import { type RecordRow, Records, type RecordSource, SHARE_RESOLUTION } from './records.js';
import type { StudyFile } from './schema.js';

const VERDICTS = { claimed: 'gains', opposite: 'loses', small: 'equivalent', unclear: 'not shown' };
const INTERVAL = 'mean over seeds, 95 % interval';

/** Grad-CAM's heat on the core: the core's share of the image, and the heat's before, after and between. */
const HEAT = ['core', 'before', 'after', 'difference'] as const satisfies readonly ColumnName[];

/** The recorded runs of arms, by arm: one for each seed. */
type CompleteArms = ReadonlyMap<string, readonly RecordRow[]>;

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
 * The tables of Part II of a benchmark, or of the members of a pool: accuracies, differences from the focus and from the reference, training
 * and heat. The n-th seeds of a pool's members are one seed of the pool.
 */
export async function part2Tables(
  file: StudyFile,
  records: RecordSource,
  members: readonly string[],
): Promise<Table[]> {
  const { comparisons, benchmarks } = file;
  const { complete, left } = await completeArms(file, members);
  const runs = [...complete.values()].flat();
  const [sample] = runs;
  if (sample === undefined || !comparisons) return [];
  const { reference, focus, primary, equivalence } = comparisons;
  const arms = members.flatMap((member) => benchmarks[member]?.arms ?? []);
  const test = runs.map((row): Row => {
    const at = arms.findIndex(({ seeds }) => seeds.includes(numberOf(row, 'seed')));
    const place = arms[at]?.seeds.indexOf(numberOf(row, 'seed')) ?? null;
    return { ...row, benchmark: members[at] ?? null, place, ofBenchmarks: row.worst ?? null };
  });
  const isPool = members.length > 1;
  const ofPool = isPool ? pooledWorst(test) : [];
  const measures = accuracyColumns(sample);
  const look = (caption: string, ...notes: string[]) => ({
    caption,
    notes,
    groupName: groupNames(file.models?.tests),
  });
  const over = (
    rows: readonly Row[],
    measures: readonly string[],
    differ: { minus?: Row; from?: Row } = {},
  ) => summarize(rows, { by: ['arm'], over: 'seed', measures, ...differ });
  const pooled = (differ: { minus?: Row; from?: Row } = {}): Row[] =>
    summarize(ofPool, { by: ['arm'], over: 'place', measures: ['pooledWorst'], ...differ });

  // The planned tests are corrected together.
  const missing = primary.filter((arm) => !complete.has(arm));
  const isTested = arms.every(({ tested }) => tested);
  const isPlanned = (row: Row): boolean =>
    isTested && missing.length === 0 && primary.includes(String(row.arm));
  const gains = withTests(over(test, ['worst'], { from: { arm: focus } }), 'worst', {
    family: (row) => (isPlanned(row) ? 'planned' : null),
    resolution: () => SHARE_RESOLUTION,
    margin: () => equivalence / 100,
  }).map((row): Row => ({ ...row, verdict: isPool ? verdictOf(row, 'worst', 1, VERDICTS) : '' }));
  // Two models of a benchmark are tested on the same examples.
  const ofBenchmarks = summarize(isPool ? test : [], {
    by: ['arm'],
    over: 'benchmark',
    measures: ['ofBenchmarks'],
    from: { arm: focus },
  });
  const planned = gains.filter(isPlanned).length;
  const minus = `Test worst-group accuracy of "${focus}" minus that of each other arm, in points, paired by seed`;
  const trained = (
    await Promise.all(members.map((member) => new Records(file.recordsFolder, member).read('train')))
  ).flat();
  const isShown = (row: Row): boolean =>
    runs.some((run) => isOf(row, pick(run, ['arm', 'seed', 'configuration'])));
  return [
    ...list(
      joined(over(test, [...measures, 'validation']), pooled()).map((row) => ({
        ...row,
        configuration: isPool ? null : (complete.get(String(row.arm))?.[0]?.configuration ?? null),
      })),
      ['arm', 'configuration', 'pooledWorstValues', ...measures, 'validation'],
      look(
        `Accuracy in percent: ${INTERVAL}`,
        `${records.benchmark}: seeds ${arms.flatMap(({ seeds }) => seeds).join(', ')}; ${hoursText(runs)}`,
        ...(isPool
          ? [
              `Pooled over ${members.join(', ')}, all test examples of ${arms[0]?.seeds.length} seeds: mean (each)`,
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
    ...list(
      joined(gains, pooled({ from: { arm: focus } }), ofBenchmarks),
      [
        ...(['arm', 'pooledWorstValues', 'n', 'worst', 'ofBenchmarks'] as const),
        ...(['worstP', 'worstPHolm', 'worstWithin', 'verdict'] as const),
      ],
      look(
        `${minus}; margin ${equivalence} points${planned > 0 ? `; Holm’s correction is over ${plural(planned, 'planned test')}` : ''}`,
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

/** Rows with the measures that others have of their arm. */
function joined(rows: readonly Row[], ...others: readonly (readonly Row[])[]): Row[] {
  return rows.map(
    ({ arm = null, ...row }) =>
      Object.assign({ arm }, ...others.map((all) => select(all, { arm })[0]), row) as Row,
  );
}

/** The worst group over all test examples of a pool, for each arm and place of a seed in its benchmark. */
function pooledWorst(test: readonly Row[]): Row[] {
  const groups = groupsIn(test[0], 'total');
  return groupedBy(test, ['arm', 'place']).map((rows): Row => {
    const sum = (column: string): number => numbers(rows, column).reduce((all, value) => all + value, 0);
    const { arm = null, place = null } = rows[0] ?? {};
    const shares = groups.map((group) => sum(`correct${group}`) / sum(`total${group}`));
    return { arm, place, pooledWorst: Math.min(...shares) };
  });
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
    ...table(`That of "${focus}" minus that of each other arm, in points`, { from: { arm: focus } }),
  ];
}
