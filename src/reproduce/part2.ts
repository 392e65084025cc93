import { join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { runStudy, type StudyOptions, type StudyResult, type StudyRow } from '../experiments/study.js';
import { makeFolder, writeAtomic, writeJson } from '../files.js';
import { writeStudyReport } from '../report/studyReport.js';
import { gridPlan, kickInEpochs, part2Plans, type Part2Study, type StudyGrid } from './part2Studies.js';

export interface Part2Options extends Omit<StudyOptions, 'arms' | 'reference' | 'focus' | 'keepEpochs'> {
  readonly studies: readonly Part2Study[];
  /** Values to vary instead of a single ablation's own. */
  readonly grid?: StudyGrid | undefined;
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
 * @throws `USAGE` without studies or seeds, and what training throws
 */
export async function reproducePart2(options: Part2Options): Promise<Part2Result> {
  const out = resolve(options.out);
  await makeFolder(out);
  const plans = part2Plans(options.erm);
  const kickIn = options.grid?.kickInEpoch ?? kickInEpochs(options.erm);
  const keepEpochs = kickIn.filter((epoch) => typeof epoch === 'number');
  const studies: Part2Result['studies'][number][] = [];
  for (const kind of options.studies) {
    const plan = options.grid ? gridPlan(plans[kind].title, options.grid) : plans[kind];
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

/** One line of the CSV for each seed of a row. */
function seedRows({ arm, seeds }: StudyRow): Record<string, string | number>[] {
  return seeds.map(({ testAccuracy, ...outcome }) => ({
    arm,
    ...outcome,
    ...Object.fromEntries(testAccuracy.map((accuracy, group) => [`testAccuracyG${group}`, accuracy])),
  }));
}
