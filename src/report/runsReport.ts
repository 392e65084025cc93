import { basename, resolve } from 'node:path';
import { SpurmemError } from '../errors.js';
import { writeAtomic } from '../files.js';
import { checkOptions } from '../settings/options.js';
import { severalOf, text } from '../settings/values.js';
import type { TrainingResult } from '../train/results.js';
import { RUN_TYPE } from '../train/runOptions.js';
import { writeAlone } from '../writeAlone.js';
import type { FigureRow, RunReport, Section } from './figure.js';
import { worstGroupDifference } from './figures/accuracy/fig1.js';
import { groupBars } from './figures/accuracy/groupBars.js';
import { changesVerdict } from './figures/changes/verdict.js';
import { traceView } from './figures/changes/view.js';
import { MISSING, range, signed } from './format.js';
import { groupLabels, type Groups } from './groupLabels.js';
import { chartBeside, html, htmlTable } from './html/html.js';
import { drawPage } from './html/page.js';
import { estimateColumns } from './rows.js';
import { comparisonVerdict, runCells, runColumns } from './sections/comparison.js';
import { numbers, type Table, texts, withDetail } from './table.js';
import { readRunReport } from './writeReport.js';

/** A finished run among those that are compared. */
interface NamedRun extends TrainingResult {
  /** Its folder's name, or its path where two have one name. */
  readonly title: string;
  readonly report: RunReport;
}

const RUNS_TYPES = { runs: severalOf(RUN_TYPE), out: text('the path of a page') } as const;

/**
 * Writes one page of runs side by side: worst groups against the first run's, settings that differ, accuracies, and traces in words.
 *
 * @param options.out the page's path; default: `runs.html` in the working directory
 * @returns its path
 * @throws `USAGE` for fewer than two runs, and for runs whose groups differ; `RUN_NOT_FOUND` for one that is not finished;
 *   `OUTPUT_UNWRITABLE`, and what `writeReport` throws
 */
export async function writeRunsReport(options: {
  readonly runs: readonly string[];
  readonly out?: string | undefined;
}): Promise<string> {
  checkOptions(options, { types: RUNS_TYPES, required: ['runs'] });
  const runs = await openRuns(options.runs);
  const [first] = runs;
  const groups = groupLabels(first.report.dataset);
  const lead = html`Runs side by side; differences are from the first, ${first.title}. Each is one run: what
  settings do is told by studies over seeds.`;
  const sections = [showRuns(runs, groups), showSettings(runs), ...showTraces(runs, groups)];
  const { page } = await drawPage(`Runs on ${first.report.dataset.name}, side by side`, lead, sections);
  const path = resolve(options.out ?? 'runs.html');
  await writeAlone(path, () => writeAtomic(path, page));
  return path;
}

async function openRuns(paths: readonly string[]): Promise<readonly [NamedRun, ...NamedRun[]]> {
  const names = paths.map((path) => basename(resolve(path)));
  const runs: NamedRun[] = [];
  for (const [at, path] of paths.entries()) {
    const { report } = await readRunReport({ run: path });
    if (!report.result) {
      throw new SpurmemError(
        'RUN_NOT_FOUND',
        `${path} holds no finished run. Let it finish, or leave it out.`,
      );
    }
    const name = names[at] ?? path;
    const isUnique = names.filter((other) => other === name).length === 1;
    runs.push({ ...report.result, title: isUnique ? name : path, report });
  }
  const [first, ...others] = runs;
  if (!first || others.length === 0) {
    throw new SpurmemError('USAGE', '`runs` names fewer than two runs.', {
      parameter: 'runs',
      value: paths,
      expected: 'two run folders or more',
    });
  }
  const named = (run: NamedRun): string => run.report.dataset.groupNames.join(', ');
  const other = others.find((run) => named(run) !== named(first));
  if (other) {
    throw new SpurmemError(
      'USAGE',
      `The groups of \`runs\` differ: ${first.title} has ${named(first)}; ${other.title} has ${named(other)}. Only runs on the same groups stand side by side.`,
      { parameter: 'runs', value: paths, expected: 'runs on the same groups' },
    );
  }
  return [first, ...others];
}

function showRuns(runs: readonly NamedRun[], groups: Groups): Section {
  const charts = runs.map((run) => ({ name: run.title, ...groupBars(run, groups) }));
  const kinds = new Set(runs.map(({ report }) => JSON.stringify(report.dataset.counts)));
  return {
    id: 'accuracy',
    title: 'Accuracies',
    verdict: [
      ...comparisonVerdict(runs),
      ...(kinds.size > 1 ? ['The runs’ data differ in the sizes of their groups.'] : []),
    ],
    charts,
    data: { name: 'runs', rows: comparedRows(runs, groups) },
    prose: (drawn) =>
      html`${htmlTable(runsTable(runs, groups))}
        <div class="charts">
          ${charts.map((chart) => chartBeside(drawn(chart), { heading: html`<h3>${chart.name}</h3>` }))}
        </div>`,
  };
}

function showSettings(runs: readonly NamedRun[]): Section {
  const values = runs.map(({ report }) => new Map(report.config));
  const names = [...new Set(values.flatMap((settings) => [...settings.keys()]))];
  const differing = names.filter((name) => new Set(values.map((settings) => settings.get(name))).size > 1);
  const table: Table = {
    caption: 'Settings in which the runs differ; a dash where a run has none of that name.',
    columns: [...numbers('setting'), ...texts(...runs.map(({ title }) => title))],
    rows: differing.map((name) => [name, ...values.map((settings) => settings.get(name) ?? MISSING)]),
  };
  return {
    id: 'settings',
    title: 'Settings that differ',
    prose: () =>
      differing.length > 0 ? htmlTable(table) : html`<p>None: the runs have the same settings.</p>`,
  };
}

/** The first trace of each run in words. */
function showTraces(runs: readonly NamedRun[], groups: Groups): Section[] {
  const told = runs.flatMap(({ title, report: { traces } }) => {
    const [verdict] = traces[0] ? changesVerdict(traceView(traces[0]), groups) : [];
    return verdict === undefined ? [] : [html`<li><strong>${title}</strong>: ${verdict}</li> `];
  });
  const prose = () =>
    html`<ul>
      ${told}
    </ul>`;
  return told.length === 0 ? [] : [{ id: 'traces', title: 'Perturbed neurons', prose }];
}

/** A row a run: its worst groups, how far the test split's is from that of the first run, and every group's test accuracy. */
function runsTable(runs: readonly NamedRun[], groups: Groups): Table {
  return {
    caption: `Test accuracy of each run: the worst group, its difference from that of ${runs[0]?.title ?? 'the first'} in points with its 95 % interval over examples, the average, and each group.`,
    columns: runColumns(groups),
    rows: runCells(runs, groups, (run, reference) => {
      const { value, interval } = worstGroupDifference(run.test, reference.test);
      return withDetail(signed(value), range(interval));
    }),
  };
}

function comparedRows(runs: readonly NamedRun[], groups: Groups): FigureRow[] {
  const [reference] = runs;
  return runs.map((run, at) => {
    const difference = at > 0 && reference ? worstGroupDifference(run.test, reference.test) : undefined;
    return {
      run: run.title,
      method: run.kind,
      epochs: run.epochs,
      valWorstGroupAccuracy: run.val.worstGroupAccuracy,
      testWorstGroupAccuracy: run.test.worstGroupAccuracy,
      ...estimateColumns('difference', difference?.value, difference?.interval),
      testAverage: run.test.average,
      ...Object.fromEntries(
        groups.map(({ index }) => [`testAccuracy${index}`, run.test.accuracy[index] ?? null]),
      ),
    };
  });
}
