import { basename, resolve } from 'node:path';
import { SpurmemError } from '../errors.js';
import { writeAtomic } from '../files.js';
import { checkOptions } from '../settings/options.js';
import { severalOf, text } from '../settings/values.js';
import { RUN_TYPE } from '../train/runOptions.js';
import type { TrainingResult } from '../train/results.js';
import { groupBars } from './charts/groupBars.js';
import { renderChart } from './charts/render.js';
import { html } from './html/markup.js';
import { htmlPage, type Section } from './html/page.js';
import { htmlTable } from './html/table.js';
import type { RunReport } from './reportData.js';
import { chartFigure } from './sections/parts.js';
import { comparedRows, runsTable, settingsTable } from './tables/runs.js';
import { changesVerdict } from './verdicts/changes.js';
import { comparisonVerdict } from './verdicts/comparison.js';
import { groupLabels, type GroupLabel } from './views/groupLabels.js';
import { readRunReport } from './writeReport.js';

/** A finished run among those that are compared. */
export interface NamedRun {
  /** What tells it from the others: its folder's name, or its path where two have one name. */
  readonly name: string;
  readonly report: RunReport;
  readonly result: TrainingResult;
}

const RUNS_TYPES = { runs: severalOf(RUN_TYPE), out: text('the path of a page') } as const;

/**
 * Writes one page that shows runs side by side: their worst groups against the first run's, the settings that differ, their
 * accuracies, and what their traces say.
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
  const path = resolve(options.out ?? 'runs.html');
  const sections = [
    await accuracySection(runs, groups),
    settingsSection(runs),
    ...tracesSection(runs, groups),
  ];
  const lead = html`Runs side by side; differences are from the first, ${first.name}. Each is one run: what
  settings do is told by studies over seeds.`;
  await writeAtomic(path, htmlPage(`Runs on ${first.report.dataset.name}, side by side`, lead, sections));
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
    runs.push({ name: isUnique ? name : path, report, result: report.result });
  }
  const [first, ...others] = runs;
  if (!first || others.length === 0) {
    throw new SpurmemError('USAGE', '`runs` names fewer than two runs.', {
      ...{ parameter: 'runs', value: paths, expected: 'two run folders or more' },
    });
  }
  const named = (run: NamedRun): string => run.report.dataset.groupNames.join(', ');
  const other = others.find((run) => named(run) !== named(first));
  if (other) {
    throw new SpurmemError(
      'USAGE',
      `The groups of \`runs\` differ: ${first.name} has ${named(first)}; ${other.name} has ${named(other)}. Only runs on the same groups stand side by side.`,
      { parameter: 'runs', value: paths, expected: 'runs on the same groups' },
    );
  }
  return [first, ...others];
}

async function accuracySection(runs: readonly NamedRun[], groups: readonly GroupLabel[]): Promise<Section> {
  const compared = runs.map(({ name, result }) => ({ title: name, ...result }));
  const charts = await Promise.all(runs.map(({ result }) => renderChart(groupBars(result, groups))));
  const kinds = new Set(runs.map(({ report }) => JSON.stringify(report.dataset.counts)));
  return {
    id: 'accuracy',
    title: 'Accuracies',
    verdict: [
      ...comparisonVerdict({ runs: compared }),
      ...(kinds.size > 1 ? ['The runs’ data differ in the sizes of their groups.'] : []),
    ],
    data: [{ name: 'runs', rows: comparedRows(compared, groups) }],
    body: html`${htmlTable(runsTable(compared, groups))}
      <div class="charts">
        ${charts.map(
          (chart, at) =>
            html`<div style="width:${Math.ceil(chart.width)}px">
              <h3>${runs[at]?.name}</h3>
              ${chartFigure(chart)}
            </div> `,
        )}
      </div>`,
  };
}

function settingsSection(runs: readonly NamedRun[]): Section {
  const table = settingsTable(runs.map(({ name, report }) => ({ name, config: report.config })));
  return {
    id: 'settings',
    title: 'Settings that differ',
    body: table ? htmlTable(table) : html`<p>None: the runs have the same settings.</p>`,
  };
}

/** What each run's first trace says. */
function tracesSection(runs: readonly NamedRun[], groups: readonly GroupLabel[]): Section[] {
  const told = runs.flatMap(({ name, report: { traces } }) => {
    const [verdict] = traces[0] ? changesVerdict(traces[0], groups) : [];
    return verdict === undefined ? [] : [html`<li><strong>${name}</strong>: ${verdict}</li> `];
  });
  return told.length === 0
    ? []
    : [
        {
          id: 'traces',
          title: 'Perturbed neurons',
          body: html`<ul>
            ${told}
          </ul>`,
        },
      ];
}
