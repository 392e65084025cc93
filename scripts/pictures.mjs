// Draws the README's pictures in Chromium: of docs/images/zeroed-neurons.json, as the report over models shows it, and of a report itself.
//
//   npm run build && node scripts/pictures.mjs          # seconds
//   npm run build && node scripts/pictures.mjs train    # trains and traces the models first, in data/pictures and runs/pictures
//   npm run build && node scripts/pictures.mjs report runs/quickstart    # the top of that run's report
//
// docs/images/pictures.json records the sources of each picture; test/house/pictures.slow.test.ts compares them with the present ones.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { vectorInstructions } from '../dist/machine.js';
import { groupLabels } from '../dist/report/groupLabels.js';
import { html } from '../dist/report/html/html.js';
import { drawPage } from '../dist/report/html/page.js';
import { modelsSection } from '../dist/report/models.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NAME = 'zeroed-neurons';
const DATA = join(ROOT, 'docs/images', `${NAME}.json`);
const PICTURE = join(ROOT, 'docs/images', `${NAME}.png`);
const RECORD = join(ROOT, 'docs/images/pictures.json');
/** The inputs that decide how it looks. */
const SOURCES = [
  'scripts/pictures.mjs',
  ...['render', 'textWidth', 'theme', 'vega'].map((name) => `src/report/vega/${name}.ts`),
  ...['chart', 'changes', 'figures/accuracy'].map((name) => `src/report/${name}.ts`),
  'assets/page.css',
];

const [, , job, run = 'runs/quickstart'] = process.argv;
if (job === 'train') await train();
const { made, groups, figures } = JSON.parse(await readFile(DATA, 'utf8'));
if (job === 'report') await record('report', [], { ...(await drawReport()), seeds: [0] });
else {
  await draw();
  await record(NAME, [...SOURCES, DATA.replace(ROOT, '')], made);
}

/** Records how a picture was made, with hashes of its sources and of itself. */
async function record(name, sources, how) {
  const sha256 = {};
  for (const path of [...sources, `docs/images/${name}.png`]) {
    sha256[path] = createHash('sha256')
      .update(await readFile(join(ROOT, path)))
      .digest('hex');
  }
  const others = JSON.parse(await readFile(RECORD, 'utf8'));
  await writeFile(RECORD, `${JSON.stringify({ ...others, [`${name}.png`]: { ...how, sha256 } }, null, 2)}\n`);
}

/** The commit and the CPU. */
function here() {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
  return { commit, cpu: `${cpus()[0]?.model.trim()}, ${vectorInstructions()}` };
}

/** A small form of the quickstart, with models as replicates: ERM on dominoes, Fig. 1, and Fig. 2. */
async function train() {
  const { buildDominoes, DEFAULT_DOMINOES, openRun, readStudy, runStudy, trainErm } =
    await import('../dist/index.js');
  const { unusedDominoes } = await import('../dist/data/dominoes.js');
  const { figuresOver } = await import('../dist/study/figures.js');

  const seeds = [0, 1, 2, 3, 4];
  const benchmark = {
    ...DEFAULT_DOMINOES,
    size: 32,
    counts: { train: [1200, 100, 60, 700], val: [100, 100, 100, 100], test: [400, 400, 400, 400] },
  };
  const data = await buildDominoes(join(ROOT, 'data/pictures'), benchmark);
  const others = await buildDominoes(join(ROOT, 'data/pictures-pretrain'), unusedDominoes(benchmark));
  const runs = join(ROOT, 'runs/pictures');
  // One thread: sums are in the same order wherever it runs.
  const model = { arch: 'resnet18', batchSize: 64, resume: true, threads: 1 };
  await trainErm({ ...model, data: others, out: `${runs}-pretrain`, epochs: 3, lr: 1e-3 });
  const weights = (await openRun(`${runs}-pretrain`)).weights;
  const set = [
    `settings.data=${JSON.stringify({ arch: model.arch, batchSize: 64, weights, epochs: 5, select: 'last' })}`,
    'traces.0.settings={figures: [fig1, fig2], nullDraws: 20, samples: 64, comparedTopK: [3]}',
  ];
  const study = await readStudy('part1', { data: data.folder, out: runs, seeds, set });
  await runStudy(study, { threads: 1, onStep: (step) => console.error(step) });
  const over = await figuresOver(study, ['dataset']);
  const made = { command: 'node scripts/pictures.mjs train', ...here(), seeds };
  const groups = { groupNames: data.groupNames, minorityGroups: data.minorityGroups };
  const figures = over.map(({ kind, title, rows }) => ({ kind, title, rows: rows.flatMap(drawn) }));
  await writeFile(DATA, `${JSON.stringify({ made, groups, figures }, rounded, 1)}\n`);
}

/** The part of a row over models that the picture shows; none if it shows nothing of it. */
function drawn(row) {
  const { split, criterion, k, group, chosenFor } = row;
  const isShown =
    criterion === undefined ? split !== 'val' : criterion === 'gradient' && k === 3 && group === chosenFor;
  const isUnused = /^(baseline|margin|loss|whole|same(?!LayersAccuracy))/;
  const shown = Object.entries(row).filter(([name]) => !isUnused.test(name));
  return isShown ? [Object.fromEntries(shown)] : [];
}

function rounded(_key, value) {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}

function openBrowser() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

/** The top of a run's report, as a window shows it. */
async function drawReport() {
  const browser = await openBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
    await page.goto(pathToFileURL(join(run, 'report.html')).href);
    await page.screenshot({ path: join(ROOT, 'docs/images/report.png') });
  } finally {
    await browser.close();
  }
  return { command: `node scripts/pictures.mjs report ${run}`, ...here() };
}

/** The report's first two charts, one below the other, at most 1200 px wide. */
async function draw() {
  const folder = await mkdtemp(join(tmpdir(), 'spurmem-pictures-'));
  const browser = await openBrowser();
  try {
    const sections = figures.map((figure) =>
      modelsSection({ ...figure, seeds: made.seeds }, groupLabels(groups)),
    );
    const report = join(folder, 'report.html');
    await writeFile(report, (await drawPage('Pictures', html``, sections)).page);
    const page = await browser.newPage({ viewport: { width: 1120, height: 800 }, deviceScaleFactor: 1.08 });
    await page.goto(pathToFileURL(report).href);
    await page.evaluate(`{
      const charts = document.createElement('div');
      charts.className = 'charts';
      charts.style = 'display: inline-block; padding: 12px; background: white';
      // The second chart of Fig. 2, a matrix, shows the same numbers.
      charts.append(...[...document.querySelectorAll('.chart')].slice(0, 2));
      for (const chart of charts.children) chart.style.background = 'none';
      document.body.style = 'display: block; max-width: none';
      document.body.replaceChildren(charts);
    }`);
    await page.locator('.charts').screenshot({ path: PICTURE });
  } finally {
    await browser.close();
    await rm(folder, { recursive: true });
  }
}
