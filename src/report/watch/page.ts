import { basename } from 'node:path';
import type { DataDescription } from '../../data/dataDescription.js';
import { selectedEpoch } from '../../train/results.js';
import type { Section } from '../figure.js';
import { accuracyTable } from '../figures/accuracy/tables.js';
import { durationText, MISSING, percent, percentText } from '../format.js';
import { groupLabels } from '../groupLabels.js';
import { chartFigure, html, htmlTable } from '../html/html.js';
import { drawPage } from '../html/page.js';
import { showTraining } from '../sections/training.js';
import { type Cell, groupCell, numbers, type Table } from '../table.js';
import { plain } from '../text.js';
import { quantitative, TOP_LEGEND } from '../vega/axes.js';
import type { NamedChart } from '../vega/render.js';
import type { FollowedRun } from './follow.js';
import { LIVE_SCRIPT } from './script.js';

/** Lines of a chart of several runs, which hues can tell apart. */
const MOST_LINES = 8;

/** A page that follows one run: its state, curves and groups. */
export async function runPage(
  run: FollowedRun,
  data: DataDescription | undefined,
  version: string,
): Promise<string> {
  const { method, config, metrics, result } = run;
  const title = `${basename(run.path)}: ${method}, ${config.arch} on ${plain(config.dataset.name)}`;
  return livePage(title, version, statusText([run]), data === undefined ? [] : runSections(run, data), {
    none: metrics.length === 0 && result === undefined,
  });
}

/** A page of several runs: a row a run, which leads to its page. */
export async function runsPage(
  runs: readonly FollowedRun[],
  folder: string,
  version: string,
): Promise<string> {
  const sections: Section[] = [
    { id: 'runs', title: 'Runs', prose: () => htmlTable(runsTable(runs)) },
    ...curvesOfRuns(runs),
  ];
  return livePage(`Runs in ${basename(folder)}`, version, statusText(runs), sections, { none: false });
}

async function livePage(
  title: string,
  version: string,
  status: string,
  sections: readonly Section[],
  { none }: { readonly none: boolean },
): Promise<string> {
  const lead = html`<span id="status" role="status" data-version="${version}">${status}</span>
    <button type="button" id="pause" aria-pressed="false">Pause</button>
    ${none ? 'The first epoch is not finished yet.' : undefined}`;
  return (await drawPage(title, lead, sections, LIVE_SCRIPT)).page;
}

/** The state of runs in a line. */
export function statusText(runs: readonly FollowedRun[]): string {
  const [only] = runs;
  const left = Math.max(...runs.map((run) => run.left ?? 0));
  const until = left > 0 ? `; about ${durationText(left)} left` : '';
  if (only !== undefined && runs.length === 1) {
    const { state, metrics, config } = only;
    const epochs = config.epochs === undefined ? '' : `, epoch ${metrics.length} of ${config.epochs}`;
    return `${state}${epochs}${until}.`;
  }
  const states = ['running', 'finished', 'stopped', 'waiting'] as const;
  const counted = states.map((state) => [state, runs.filter((run) => run.state === state).length] as const);
  const told = counted.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
  return `${runs.length} runs: ${told.join(', ')}${until === '' ? '' : `${until} of those that run`}.`;
}

function runSections({ metrics, config, result }: FollowedRun, data: DataDescription): Section[] {
  const groups = groupLabels(data);
  const last = metrics.at(-1);
  const selected = selectedEpoch({ result, epochs: metrics, select: config.select });
  const best = metrics.find(({ epoch }) => epoch === selected);
  const report = {
    title: '',
    arch: config.arch,
    dataset: data,
    config: [],
    epochs: metrics,
    select: config.select,
    result,
    traces: [],
    history: [],
    versions: [],
  };
  const training = showTraining(report, groups);
  const tested: Section[] = result
    ? [{ id: 'tested', title: 'Tested', prose: () => htmlTable(accuracyTable(result, groups)) }]
    : [];
  if (!last || !training) return tested;
  const shown = [last.train, last.val, (best ?? last).val];
  const table: Table = {
    caption: `Accuracy of each group in %: training and validation of epoch ${last.epoch}, and validation of epoch ${best?.epoch ?? last.epoch}, which is selected so far.`,
    columns: numbers('Group', 'training', 'validation', 'selected'),
    rows: groups.map((group) => [
      groupCell(group),
      ...shown.map(({ accuracy }) => percent(accuracy[group.index])),
    ]),
    footer: [
      ['worst group', ...shown.map(({ worstGroupAccuracy }) => percent(worstGroupAccuracy))],
      ['average', ...shown.map(({ average }) => percent(average))],
    ],
  };
  return [...tested, training, { id: 'groups', title: 'Groups', prose: () => htmlTable(table) }];
}

function runsTable(runs: readonly FollowedRun[]): Table {
  const row = ({ run, config, state, metrics, result, left }: FollowedRun): Cell[] => {
    const best = Math.max(Number.NEGATIVE_INFINITY, ...metrics.map(({ val }) => val.worstGroupAccuracy));
    return [
      { kind: 'link', text: plain(run), href: `/?run=${encodeURIComponent(run)}` },
      String(config.seed),
      state,
      config.epochs === undefined ? MISSING : `${metrics.length}/${config.epochs}`,
      percentText(Number.isFinite(best) ? best : result?.val.worstGroupAccuracy),
      percentText(result?.test.worstGroupAccuracy),
      percentText(result?.test.average),
      left === undefined ? MISSING : durationText(left),
    ];
  };
  return {
    caption:
      'Each run: its seed, state, epochs, the best validation accuracy of its worst group, and the test accuracies.',
    columns: numbers(
      'run',
      'seed',
      'state',
      'epochs',
      'validation worst',
      'test worst',
      'test average',
      'left',
    ),
    rows: runs.map(row),
  };
}

/** The worst group's validation accuracy of each run, where there are few enough to tell apart. */
function curvesOfRuns(runs: readonly FollowedRun[]): Section[] {
  const shown = runs.filter(({ metrics }) => metrics.length > 0);
  if (shown.length === 0 || shown.length > MOST_LINES) return [];
  const values = shown.flatMap(({ run, metrics }) =>
    metrics.map(({ epoch, val }) => ({ epoch, run: plain(run), accuracy: 100 * val.worstGroupAccuracy })),
  );
  const chart: NamedChart = {
    name: 'worst-groups',
    label: 'Line chart over epochs: validation accuracy of the worst group of each run',
    spec: {
      title: {
        text: 'Worst groups',
        subtitle: 'validation accuracy of each run\u2019s worst group, by epoch',
      },
      width: 620,
      height: 250,
      data: { values },
      mark: { type: 'line', strokeWidth: 2, point: { size: 36 } },
      encoding: {
        x: {
          ...quantitative('epoch'),
          scale: { nice: false, zero: false, padding: 10 },
          axis: { title: 'epoch', format: 'd', tickMinStep: 1, grid: false },
        },
        y: {
          ...quantitative('accuracy'),
          scale: { zero: false },
          axis: { title: 'validation accuracy (%)', tickCount: 5 },
        },
        color: {
          field: 'run',
          type: 'nominal',
          sort: null,
          legend: { ...TOP_LEGEND, columns: 2, symbolType: 'stroke', labelLimit: 280 },
        },
      },
    },
  };
  return [
    {
      id: 'curves',
      title: 'Worst groups',
      charts: [chart],
      prose: (drawn) => html`${chartFigure(drawn(chart))}`,
    },
  ];
}
