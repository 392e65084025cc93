import { resolve } from 'node:path';
import { SPLITS } from '../data/split.js';
import type { SessionOptions } from '../experiments/traceSession.js';
import type { JobOptions } from '../progress.js';
import { plain } from '../report/text.js';
import { hasToBeTrained, type Part1Options } from '../reproduce/part1.js';
import { defaultInWords, inWords, type SettingsTable } from '../settings/setting.js';
import { make } from '../train/make.js';
import { methodNamed } from '../train/methods.js';
import type { RunOptions, RunStart } from '../train/runOptions.js';
import type { Output } from './output.js';
import { prose } from './textTable.js';

/** A command's resolved settings and counts. Nothing is computed or written. */
interface DryRun {
  readonly title: string;
  /** One line on what the network is fed. */
  readonly input?: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Such as images of each split, or runs of each method. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Prints a dry run. */
export function printDryRun(output: Output, run: DryRun): void {
  const lines = [...Object.entries(run.settings), ...Object.entries(run.counts)]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${inWords(value)}`);
  const input = run.input === undefined ? [] : prose([`  ${run.input}`], output);
  output.result([`${run.title}:`, ...input, ...lines, 'Nothing was written.'].join('\n'), run);
}

/** Returns the dry run of a training. Throws what training throws before its first step. */
export async function trainDryRun(options: RunOptions, control: JobOptions, method: string): Promise<DryRun> {
  let begun: RunStart | undefined;
  const stopped = new Error('A dry run ends before anything is written');
  const onStart = (start: RunStart): void => {
    begun = start;
    throw stopped;
  };
  await make(methodNamed(method), { ...options, ...control, onStart }).catch((error: unknown) => {
    if (error !== stopped) throw error;
  });
  const { config, dataset, out, input } = begun as RunStart;
  const { command, ...settings } = config;
  return {
    title: `${command} would write ${plain(out)}`,
    input,
    settings,
    counts: Object.fromEntries(SPLITS.map((split) => [`${split} images`, dataset.splits[split].length])),
  };
}

/** Returns the dry run of a trace; settings that follow from the run are in words. */
export function traceDryRun(
  name: string,
  table: SettingsTable,
  options: Pick<SessionOptions, 'run' | 'protocol'>,
): DryRun {
  const { run, protocol = 'article' } = options;
  const given = options as Readonly<Record<string, unknown>>;
  const settings = Object.entries(table).map(([setting, entry]): [string, unknown] => [
    setting,
    given[setting] ?? defaultInWords(entry, protocol),
  ]);
  return {
    title: `trace ${name} would read ${resolve(run)}`,
    settings: { protocol, ...Object.fromEntries(settings) },
    counts: {},
  };
}

/** Returns the dry run of Part I. Throws `USAGE` if its model is missing and cannot be trained. */
export async function part1DryRun(options: Pick<Part1Options, 'data' | 'erm' | 'run'>): Promise<DryRun> {
  const isMissing = await hasToBeTrained(options);
  return {
    title: `Figures of ${resolve(options.run)}`,
    settings: {},
    counts: { 'models to train': Number(isMissing) },
  };
}
