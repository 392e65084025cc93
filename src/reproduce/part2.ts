import { join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { runStudy, type StudyOptions, type StudyResult, type StudyRow } from '../experiments/study.js';
import { SpurmemError } from '../errors.js';
import { makeFolder, writeAtomic, writeJson } from '../files.js';
import { writeStudyReport } from '../report/studyReport.js';
import {
  gridPlan,
  kickInEpochs,
  part2Plans,
  type Part2Study,
  type StudyGrid,
  type StudyPlan,
} from './part2Studies.js';

export interface Part2Options extends Omit<StudyOptions, 'arms' | 'reference' | 'focus' | 'keepEpochs'> {
  readonly studies: readonly Part2Study[];
  /** Values to vary instead of a single ablation's own. */
  readonly grid?: StudyGrid | undefined;
  /** Rows of a single study, by name; all of them where this is left out. */
  readonly only?: readonly string[] | undefined;
}

/** `<out>/<study>.json`: a row a setting; the same rows, one a seed, are in its CSV. */
export interface Part2StudyResult extends StudyResult {
  readonly kind: Part2Study;
  readonly title: string;
}

export interface Part2Result {
  readonly report: string;
  readonly studies: readonly (Part2StudyResult & { readonly json: string; readonly csv: string })[];
}

/**
 * Reproduces figures and tables of the article's Part II on one dataset and architecture. Studies share their runs: each
 * setting is trained once a seed. Each study gets `<out>/<study>.json`, its CSV, and its place in `<out>/report.html`.
 *
 * @throws `USAGE` without studies or seeds or for an unknown row, and what training throws
 */
export async function reproducePart2(options: Part2Options): Promise<Part2Result> {
  const out = resolve(options.out);
  await makeFolder(out);
  const plans = part2Plans(options.erm);
  const kickIn = options.grid?.kickInEpoch ?? kickInEpochs(options.erm);
  const keepEpochs = kickIn.filter((epoch) => typeof epoch === 'number');
  const studies: Part2Result['studies'][number][] = [];
  for (const kind of options.studies) {
    const whole = options.grid ? gridPlan(plans[kind].title, options.grid) : plans[kind];
    const plan = options.only ? rowsOf(whole, options.only) : whole;
    options.onStep?.(`${kind}: ${plan.title}`);
    const study: Part2StudyResult = {
      ...{ kind, title: plan.title },
      ...(await runStudy({ ...options, out, keepEpochs, arms: plan.arms, focus: plan.focus })),
    };
    const json = join(out, `${kind}.json`);
    const csv = join(out, `${kind}.csv`);
    await writeJson(json, study);
    await writeAtomic(csv, stringify(study.rows.flatMap(seedRows), { header: true }));
    studies.push({ ...study, json, csv });
  }
  options.onStep?.('report');
  return { report: await writeStudyReport(out), studies };
}

/** A study's rows of these names, in its order. */
export function rowsOf(plan: StudyPlan, only: readonly string[]): StudyPlan {
  const names = plan.arms.map(({ name }) => name);
  for (const wanted of only) {
    if (names.includes(wanted)) continue;
    throw new SpurmemError(
      'USAGE',
      `--only: the study "${plan.title}" has no row named ${wanted}. It has ${names.join('; ')}.`,
    );
  }
  const arms = plan.arms.filter(({ name }) => only.includes(name));
  const { title, focus } = plan;
  return focus !== undefined && only.includes(focus) ? { title, arms, focus } : { title, arms };
}

/** One line of the CSV for each seed of a row. */
function seedRows({ arm, seeds }: StudyRow): Record<string, string | number>[] {
  return seeds.map(({ testAccuracy, ...outcome }) => ({
    arm,
    ...outcome,
    ...Object.fromEntries(testAccuracy.map((accuracy, group) => [`testAccuracyG${group}`, accuracy])),
  }));
}
