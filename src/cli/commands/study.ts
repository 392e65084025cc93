import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { invalidParameter } from '../../errors.js';
import { writeAtomic } from '../../files.js';
import { numbers, type Table, texts } from '../../kit/table.js';
import { ENGINE_SETTINGS, type EngineOptions, engineOptions } from '../../native/engine.js';
import { inWords } from '../../settings/setting.js';
import { integer } from '../../settings/values.js';
import type { Job } from '../../study/plan.js';
import type { JobState } from '../../study/runner.js';
import type { Study } from '../../study/schema.js';
import type { StudySection } from '../../study/tables.js';
import { addJob } from '../job.js';
import { ENGINE, integers, ownOptions, tensorboardOption } from '../options.js';
import { kebabCase, TypedOption } from '../settings.js';
import { isOneOfSeveral, sideBySide, takeJobs } from '../sideBySide.js';
import { type SlurmOptions, slurmScript } from '../slurm.js';
import { markdownOf, textTable } from '../textTable.js';

/** Options that override the study's document. */
const DOCUMENT = ownOptions<{
  readonly data?: string;
  readonly out?: string;
  readonly seeds?: readonly number[];
  readonly set?: readonly string[];
}>((command) =>
  command
    .option('--data <folder>', 'dataset folder, for a study of one data set')
    .option('--out <folder>', 'folder of the runs, in place of the study\u2019s')
    .addOption(integers('--seeds <list>', 'seeds, in place of the study\u2019s', 0))
    .option(
      '--set <key=value...>',
      'values in place of the study\u2019s own, such as settings.data.arch=resnet18',
    ),
);
type Given = ReturnType<(typeof DOCUMENT)['read']>;

const JOBS = ownOptions<{
  readonly index?: readonly number[];
  readonly jobs: number;
  readonly devices?: readonly string[];
  readonly tensorboard?: string | boolean;
}>((command) =>
  command
    .addOption(integers('--index <list>', 'some of its jobs, by their numbers (default: all)', 0))
    .addOption(
      new TypedOption(
        '--jobs <n>',
        'jobs that run at a time, each in a process with its share of the cores as threads',
        integer(1),
      ).default(1),
    )
    .addOption(
      new Option(
        '--devices <list>',
        'devices that these processes take in turn, such as cuda:0,cuda:1: as many processes at least (default: all GPUs)',
      ).argParser((text: string) => text.split(',')),
    )
    .addOption(tensorboardOption()),
);
const SLURM = ownOptions<SlurmOptions & { readonly slurm?: string }>((command) =>
  command
    .option('--slurm <file>', 'also write a script that hands the jobs to Slurm')
    .addOption(
      new TypedOption('--per-task <n>', 'jobs that a task of Slurm runs in turn', integer(1)).default(1),
    )
    .addOption(new TypedOption('--at-once <n>', 'tasks of Slurm that run at a time at most', integer(1)))
    .addOption(
      new TypedOption(
        '--array-limit <n>',
        'tasks of an array at most: Slurm\u2019s MaxArraySize',
        integer(1),
      ).default(1001),
    ),
);
const ON = ownOptions<{ readonly on?: readonly string[] }>((command) =>
  command.option('--on <name...>', 'some of its data sets (default: all)'),
);
const REPORT = ownOptions<{ readonly to?: string }>((command) =>
  command.option('--to <folder>', 'the folder of the page and its charts (default: that of the runs)'),
);

/** Max rows of a table of jobs in a terminal. */
const MAX_ROWS = 1000;

/** Adds `study run`, `study status`, `study plan`, `study tables` and `study report`. */
export function addCommand(study: Command): void {
  for (const add of [addRun, addStatus, addPlan, addTables, addReport]) add(study);
}

function addRun(study: Command): void {
  const run = addDocument(
    study,
    'run',
    'run the jobs without recorded results, then write tables and report',
  );
  addJob(run, [DOCUMENT, JOBS, ENGINE], async (options, output, control, [file = '']) => {
    const { StudyRunner } = await import('../../study/runner.js');
    const opened = await open(file, options);
    const { index, devices = [], tensorboard } = options;
    const processes = Math.max(options.jobs, devices.length);
    const runner = new StudyRunner(opened, {
      ...control,
      ...engineOptions(options),
      tensorboard,
      onStep: output.info,
      onEpoch: output.epochLines(),
    });
    if (isOneOfSeveral()) {
      await takeJobs((number) => runner.run(number));
      return;
    }
    const states = await runner.states();
    const wanted = index
      ? [...new Set(index)]
      : states.filter(({ state }) => state !== 'finished').map(({ job }) => job.index);
    const unknown = wanted.find((number) => number >= states.length);
    if (unknown !== undefined)
      throw invalidParameter('index', unknown, `a job’s number, 0 to ${states.length - 1}`);
    const done = (number: number): void => {
      output.info(`Job ${number} is finished.`);
    };
    if (processes > 1)
      await sideBySide(
        (number) => {
          const device = devices[number % devices.length] ?? options.device;
          return [...wordsOf(file, { ...options, jobs: processes, device }), '--quiet'];
        },
        wanted,
        processes,
        { ...control, onDone: done },
      );
    else await runner.runAll(wanted, done);
    if (index) {
      output.result(`${wanted.length} of ${states.length} jobs are finished here.`, { jobs: wanted });
      return;
    }
    const { sections, report } = await results(opened);
    output.result([markdown(opened, sections), `Report: ${report}`].join('\n\n'), {
      title: opened.title,
      sections,
      report,
    });
  });
}

function addStatus(study: Command): void {
  addJob(
    addDocument(study, 'status', 'tell where each job stands'),
    [DOCUMENT],
    async (options, output, control, [file = '']) => {
      const { StudyRunner } = await import('../../study/runner.js');
      const states = await new StudyRunner(await open(file, options), control).states();
      output.result(textTable(shortened(statusTable(states)), output), {
        jobs: states.map(({ job, state, epochs }) => ({ ...job, state, epochs })),
      });
    },
  );
}

function addPlan(study: Command): void {
  addJob(
    addDocument(study, 'plan', 'list the jobs, and run none'),
    [DOCUMENT, SLURM],
    async ({ slurm, ...options }, output, _control, [file = '']) => {
      const { StudyRunner } = await import('../../study/runner.js');
      const jobs = await new StudyRunner(await open(file, options)).jobs();
      // The program itself: npx would stand between it and Slurm's signals.
      const command = [process.execPath, resolve(process.argv[1] ?? ''), ...wordsOf(file, options)];
      if (slurm !== undefined) await writeAtomic(slurm, slurmScript(jobs, command, options), 0o755);
      const caption = `${jobs.length} jobs${slurm === undefined ? '' : `; hand them to Slurm with: bash ${slurm}`}`;
      output.result(textTable(shortened(jobTable(caption, jobs)), output), { jobs });
    },
  );
}

function addTables(study: Command): void {
  addJob(
    addDocument(study, 'tables', 'print the tables of recorded results, in Markdown'),
    [DOCUMENT, ON],
    async (options, output, _control, [file = '']) => {
      const { studyTables } = await import('../../study/tables.js');
      const opened = await open(file, options);
      const sections = await studyTables(opened, options.on);
      output.result(markdown(opened, sections), { title: opened.title, sections });
    },
  );
}

function addReport(study: Command): void {
  addJob(
    addDocument(study, 'report', 'write a page with charts and tables of recorded results'),
    [DOCUMENT, REPORT, ON],
    async ({ to, on, ...options }, output, _control, [file = '']) => {
      const { studyTables } = await import('../../study/tables.js');
      const { writeStudyReport } = await import('../../study/report.js');
      const opened = await open(file, options);
      const sections = await studyTables(opened, on);
      const path = await writeStudyReport(opened, to, on, sections);
      output.result(`Report: ${path}`, { report: path });
    },
  );
}

function addDocument(study: Command, name: string, description: string): Command {
  return study
    .command(name)
    .description(description)
    .argument(
      '<study>',
      'a file in YAML or JSON, or the name of a study that spurmem brings, such as table8',
    );
}

async function open(file: string, { data, out, seeds, set }: Given): Promise<Study> {
  const { readStudy } = await import('../../study/document.js');
  return readStudy(file, { data, out, seeds, set });
}

async function results(study: Study) {
  const [{ studyTables }, { writeStudyReport }] = await Promise.all([
    import('../../study/tables.js'),
    import('../../study/report.js'),
  ]);
  const sections = await studyTables(study);
  return { sections, report: await writeStudyReport(study, undefined, undefined, sections) };
}

/** Returns the command line of a process that runs jobs of a study. */
function wordsOf(
  file: string,
  options: Given & EngineOptions & Partial<ReturnType<(typeof JOBS)['read']>>,
): string[] {
  const { data, out, seeds, set, jobs = 1, tensorboard, threads } = options;
  const share = Math.max(1, Math.floor(availableParallelism() / jobs));
  const engine = { ...engineOptions(options), threads: threads ?? (jobs > 1 ? share : undefined) };
  const values = { data, out, seeds, tensorboard: tensorboard === true ? undefined : tensorboard, ...engine };
  const flags = Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const setting = (ENGINE_SETTINGS as Readonly<Record<string, { readonly argument?: string }>>)[name];
    const flag = `--${kebabCase(name)}`;
    return setting?.argument === '' ? (value === true ? [flag] : []) : [flag, inWords(value)];
  });
  return [
    ...['study', 'run', file, ...flags],
    ...(tensorboard === true ? ['--tensorboard'] : []),
    ...(set === undefined ? [] : ['--set', ...set]),
  ];
}

/** Returns the tables of a study in Markdown, under a heading for each part. */
export function markdown({ title }: Pick<Study, 'title'>, sections: readonly StudySection[]): string {
  const parts = sections.flatMap(({ heading, tables }) => [`## ${heading}`, ...tables.map(markdownOf)]);
  return [`# ${title}`, ...parts].join('\n\n');
}

/** Returns a table whose rows a terminal shows within a second. */
function shortened(table: Table): Table {
  const { rows, notes = [] } = table;
  if (rows.length <= MAX_ROWS) return table;
  return {
    ...table,
    rows: rows.slice(0, MAX_ROWS),
    notes: [...notes, `The first ${MAX_ROWS} of ${rows.length} jobs: --json has all.`],
  };
}

/** Returns the jobs and their states. */
function statusTable(states: readonly JobState[]): Table {
  const counts = (['finished', 'running', 'stopped', 'waiting'] as const).map(
    (wanted) => `${states.filter(({ state }) => state === wanted).length} ${wanted}`,
  );
  const jobs = states.map(({ job }) => job);
  const table = jobTable(`${jobs.length} jobs: ${counts.join(', ')}`, jobs);
  return {
    ...table,
    columns: [...table.columns, ...texts('state'), ...numbers('epochs')],
    rows: table.rows.map((row, at) => [...row, states[at]?.state ?? '', String(states[at]?.epochs ?? '')]),
  };
}

function jobTable(caption: string, jobs: readonly Job[]): Table {
  return {
    caption,
    columns: [
      ...numbers('job', 'stage'),
      ...texts('data', 'arm'),
      ...numbers('seed'),
      ...texts('job', 'run'),
    ],
    rows: jobs.map((job) => {
      const { index, stage, data, seed } = job;
      const [row, what, run] =
        job.kind === 'data'
          ? ['', 'build', job.path]
          : job.kind === 'trace'
            ? [job.row, job.trace, '']
            : [job.row, job.role === 'tuning' ? 'tune' : 'train', job.out ?? 'after the tuning'];
      return [String(index), String(stage), data, row, String(seed), what, run];
    }),
  };
}
