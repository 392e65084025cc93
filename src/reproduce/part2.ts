import { join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { datasetOf } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import type { StudyResult } from '../experiments/study.js';
import { writeAtomic, writeCheckedJson } from '../files.js';
import { numericOptions } from '../native/engine.js';
import { writeStudyReport } from '../report/study/report.js';
import { studyRows } from '../report/study/tables.js';
import { nearestSentence } from '../settings/names.js';
import type { OptionTypes } from '../settings/options.js';
import { objectWith, severalOf, text } from '../settings/values.js';
import { declare, type NamedPlan } from './study/declare.js';
import { runStudy } from './study/runStudy.js';
import { gridArms, kickInEpochs, STUDIES, type StudyGrid, type StudyPlan } from './study/studies.js';
import { jobsOfArms, namedKickInEpochs } from './study/studyArm.js';
import { checkArms, checkStudyOptions, STUDY_TYPES, type StudyOptions } from './study/studyOptions.js';
import { type SweepPlan, withWholePaths } from './sweep/plan.js';

export interface Part2Options extends Omit<
  StudyOptions,
  'arms' | 'reference' | 'focus' | 'keepEpochs' | 'out'
> {
  /** Names of studies; default: all of them. */
  readonly studies?: readonly string[] | undefined;
  /** Folder for the runs and their report; default: runs/part2-<dataset>. */
  readonly out?: string | undefined;
  /** Values to vary instead of a single ablation's own. */
  readonly grid?: StudyGrid | undefined;
  /** Rows of a single study, by name; default: all of them. */
  readonly only?: readonly string[] | undefined;
}

/** `<out>/<study>.json`: a row an arm; the same rows, one a seed, are in its CSV. */
export interface Part2StudyResult extends StudyResult {
  readonly kind: string;
  readonly title: string;
}

/** Part II: its report, and the studies with their files. */
export interface Part2Result {
  readonly report: string;
  readonly studies: readonly (Part2StudyResult & { readonly json: string; readonly csv: string })[];
}

const { arms: _arms, reference: _reference, focus: _focus, keepEpochs: _keepEpochs, ...shared } = STUDY_TYPES;
const PART2_TYPES: OptionTypes<Part2Options> = {
  ...shared,
  studies: severalOf(text('the name of a study')),
  only: severalOf(text('the name of a row')),
  grid: objectWith('an object with lists of values by the names of settings'),
};

/**
 * Reproduces figures and tables of the article's Part II on one dataset and architecture. Studies share their runs: each
 * arm is trained once a seed. Each study gets `<out>/<study>.json`, its CSV, and its place in `<out>/report.html`.
 *
 * @throws `USAGE` without seeds or for an unknown study or row, and what training throws
 */
export async function reproducePart2(options: Part2Options): Promise<Part2Result> {
  const { plans, ...prepared } = await prepare(options);
  await declare(prepared.out, plans, options);
  const { studies: _studies, only: _only, grid: _grid, ...shared } = options;
  const { out } = prepared;
  const studies: Part2Result['studies'][number][] = [];
  for (const { kind, title, arms, focus } of plans) {
    options.onStep?.(`${kind}: ${title}`);
    const result = await runStudy({ ...shared, ...prepared, arms, focus });
    const study: Part2StudyResult = { kind, title, ...result };
    const [json, csv] = [join(out, `${kind}.json`), join(out, `${kind}.csv`)];
    await writeCheckedJson(json, study);
    await writeAtomic(csv, stringify(studyRows(study), { header: true }));
    studies.push({ ...study, json, csv });
  }
  options.onStep?.('report');
  return { report: await writeStudyReport(out), studies };
}

/**
 * The runs of `reproducePart2` as a list of jobs, each in the folder and with the settings that it has there, ERM before what starts
 * from it. Once they are finished, `reproducePart2` with the same options trains nothing. The studies are declared as there.
 */
export async function planPart2(options: Part2Options): Promise<SweepPlan> {
  const prepared = await prepare(options);
  await declare(prepared.out, prepared.plans, options);
  return jobsOf(prepared, options);
}

/** The same list of jobs; nothing is declared or written. */
export async function part2Jobs(options: Part2Options): Promise<SweepPlan> {
  return jobsOf(await prepare(options), options);
}

function jobsOf(
  { plans, data, ...prepared }: Awaited<ReturnType<typeof prepare>>,
  options: Part2Options,
): SweepPlan {
  const { seeds, erm, finetune } = options;
  const arms = plans.flatMap((plan) => plan.arms);
  const jobs = jobsOfArms({ ...prepared, erm, finetune }, arms, seeds);
  return {
    kind: 'sweep-plan',
    data: data.folder,
    datasetOptions: data.options,
    ...numericOptions(options),
    jobs: jobs.map((job) => ({ ...job, settings: withWholePaths(job.settings) })),
  };
}

/** The wanted studies, and what their runs share. */
async function prepare(options: Part2Options) {
  checkStudyOptions(options, { types: PART2_TYPES, required: ['data', 'seeds', 'erm', 'finetune'] });
  const plans = (options.studies ?? STUDIES.map(({ name }) => name)).map((name) => planOf(name, options));
  for (const plan of plans) checkArms(plan);
  const data = await datasetOf(options.data, options.datasetOptions);
  const out = resolve(options.out ?? `runs/part2-${data.name}`);
  const named = namedKickInEpochs(
    options.finetune,
    plans.flatMap(({ arms }) => arms),
  );
  // Any study of the same runs may ask for those that are compared.
  const compared = options.grid?.kickInEpoch === undefined ? kickInEpochs(options.erm) : [];
  return { plans, data, out, keepEpochs: [...new Set([...compared, ...named])] };
}

function planOf(name: string, { erm, grid, only }: Pick<Part2Options, 'erm' | 'grid' | 'only'>): NamedPlan {
  const study = STUDIES.find((known) => known.name === name);
  if (!study) {
    const names = STUDIES.map((known) => known.name);
    throw new SpurmemError('USAGE', `There is no study ${name}: \`studies\` takes ${names.join(', ')}.`, {
      parameter: 'studies',
      value: name,
      expected: names.join(', '),
      advice: [nearestSentence(name, names)],
    });
  }
  const { title } = study;
  const plan: StudyPlan = grid
    ? { title: `Fine-tuning by ${Object.keys(grid).join(', ')}`, arms: gridArms(grid) }
    : { title, ...study.plan(erm) };
  return { kind: name, ...(only ? rowsOf(plan, only) : plan) };
}

/** A study's rows of these names, in its order. */
export function rowsOf(plan: StudyPlan, only: readonly string[]): StudyPlan {
  const names = plan.arms.map(({ name }) => name);
  for (const wanted of only) {
    if (names.includes(wanted)) continue;
    throw new SpurmemError(
      'USAGE',
      `\`only\`: the study "${plan.title}" has no row named ${wanted}. It has ${names.join('; ')}.`,
      { parameter: 'only', value: wanted, expected: names.join('; ') },
    );
  }
  const arms = plan.arms.filter(({ name }) => only.includes(name));
  const { title, focus } = plan;
  return focus !== undefined && only.includes(focus) ? { title, arms, focus } : { title, arms };
}
