import sharp from 'sharp';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { groupCounts, loadDataset, type Dataset } from '../data/dataset.js';
import { minorityGroups } from '../data/minorityGroups.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import { SPLITS } from '../data/split.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import { writeAtomic } from '../files.js';
import type { EpochsConfig } from '../train/runConfig.js';
import { openRun, RunFolder, type RunConfig, type RunEnvironment } from '../train/runFolder.js';
import { renderFigures, renderReport, type RunReport, type SampleImage } from './runReport.js';
import { toSampleImage } from './sampleImage.js';

/** Sample images of each group, and the height that they are shown at. */
const SAMPLES_PER_GROUP = 4;
const SAMPLE_HEIGHT = 128;

/**
 * Writes `report.html` and `figures/*.svg` of a run from what its folder holds.
 *
 * @returns the report's path
 * @throws `RUN_NOT_FOUND`, `RUN_INVALID`, `OUTPUT_UNWRITABLE`, and what loading the dataset throws
 */
export async function writeReport(options: {
  readonly run: string;
  readonly data?: string | undefined;
}): Promise<string> {
  const { folder, config, environment } = await openRun(options.run);
  const dataset = await loadDataset(options.data ?? environment.data, environment.dataOptions);
  await folder.create();
  const result = await folder.readTrainingResult();
  const before =
    environment.from === undefined ? undefined : await new RunFolder(environment.from).readTrainingResult();
  const overlap = await folder.readResult<TraceOverlapResult>('trace-overlap');
  const layers = await folder.readResult<TraceStructuredResult>('trace-structured');
  const gradCam = await folder.readResult<GradCamResult>('grad-cam');
  const report: RunReport = {
    title: `${config.arch} on ${dataset.name}`,
    dataset: {
      name: dataset.name,
      groupNames: dataset.groupNames,
      minorityGroups: minorityGroups(dataset),
      counts: {
        train: groupCounts(dataset, 'train'),
        val: groupCounts(dataset, 'val'),
        test: groupCounts(dataset, 'test'),
      },
      samples: await sampleImages(dataset),
    },
    config: describeConfig(config, environment),
    epochs: await folder.readMetrics(),
    ...(result ? { result } : {}),
    ...(before ? { before } : {}),
    traces: await readTraces(folder),
    ...(overlap ? { overlap } : {}),
    ...(layers ? { layers } : {}),
    ...(gradCam ? { gradCam } : {}),
    versions: Object.entries(environment.versions),
  };
  for (const { name, svg } of await renderFigures(report)) await writeAtomic(folder.figure(name), svg);
  await writeAtomic(folder.report, await renderReport(report));
  return folder.report;
}

/**
 * All unstructured traces of a run, whatever was perturbed and measured: zeroing, then random initialization and noise,
 * each on the training split first.
 */
async function readTraces(folder: RunFolder): Promise<TraceUnstructuredResult[]> {
  const names = (await readdir(dirname(folder.result('trace-unstructured')))).filter((name) =>
    /^trace-unstructured.*\.json$/.test(name),
  );
  const traces = await Promise.all(
    names.sort().map((name) => folder.readResult<TraceUnstructuredResult>(basename(name, '.json'))),
  );
  return traces
    .filter((trace) => trace !== undefined)
    .sort(
      (a, b) =>
        PERTURBATION_NAMES.indexOf(a.perturbation) - PERTURBATION_NAMES.indexOf(b.perturbation) ||
        SPLITS.indexOf(a.split) - SPLITS.indexOf(b.split),
    );
}

/** The first training images of each group, small enough to live in the page. */
async function sampleImages(dataset: Dataset): Promise<{ group: number; images: SampleImage[] }[]> {
  return Promise.all(
    dataset.groupNames.map(async (_, group) => {
      const indices = [...dataset.splits.train].filter((index) => dataset.groups[index] === group);
      const images = indices.slice(0, SAMPLES_PER_GROUP).map((index) => {
        const path = join(dataset.folder, dataset.examples[index]?.filename ?? '');
        return toSampleImage(sharp(path).resize({ height: SAMPLE_HEIGHT, kernel: 'nearest' }));
      });
      return { group, images: await Promise.all(images) };
    }),
  );
}

function describeConfig(config: RunConfig, environment: RunEnvironment): [string, string][] {
  const { dataset, weights, ...settings } = config;
  const { scheduler, ...rest } = { scheduler: undefined, ...settings };
  const plain = Object.entries(rest).map(([name, value]): [string, string] => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  return [
    ['dataset', `${dataset.name}, fingerprint ${dataset.fingerprint.slice(0, 12)}`],
    ...plain,
    ...(scheduler ? [schedulerRow(scheduler)] : []),
    ['weights', weights === null ? 'random, from the seed' : `file with sha256 ${weights.slice(0, 12)}`],
    ['device', environment.device],
    ['threads', String(environment.threads)],
  ];
}

function schedulerRow({ name, factor, patience }: EpochsConfig['scheduler']): [string, string] {
  return ['scheduler', `${name}, factor ${factor}, patience ${patience}`];
}
