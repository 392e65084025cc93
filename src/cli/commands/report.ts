import type { Command } from 'commander';
import type { JobOptions } from '../../progress.js';
import { RANGES } from '../../settings/ranges.js';
import { integer } from '../../settings/values.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';
import type { Output } from '../output.js';
import { misuse } from '../parameters.js';
import { TypedOption } from '../settings.js';

interface ReportOptions extends CommonOptions {
  readonly run?: string;
  readonly runs?: readonly string[];
  readonly out?: string;
  readonly watch?: string;
  readonly port?: number;
}

export function addCommand(command: Command): void {
  command
    .option('--run <run>', 'run folder, where its report is written')
    .option('--runs <runs...>', 'two run folders or more, which are shown side by side on one page')
    .option('--out <file>', 'the page (default: report.html in --run, or "runs.html" of --runs)')
    .option(
      '--watch <run>',
      'run folder, or a folder of runs such as a sweep\u2019s: serves a page to this machine that follows training, until Ctrl-C',
    )
    .addOption(
      new TypedOption('--port <n>', 'port of that page (default: a free one)', integer(0, RANGES.port[1])),
    );
  addJob<ReportOptions>(addCommonOptions(command), async (options, output, control) => {
    const { run, runs, out, watch, port } = options;
    if ([run, runs, watch].filter((given) => given !== undefined).length !== 1)
      throw misuse('run', undefined, 'Give one of `run`, a run folder, `runs`, two or more, and `watch`.');
    const idle = watch === undefined ? 'port' : 'out';
    if (options[idle] !== undefined) {
      const problem = `\`${idle}\` has no part ${watch === undefined ? 'without' : 'beside'} \`watch\`.`;
      throw misuse(idle, options[idle], problem);
    }
    if (watch !== undefined) {
      await serve(watch, port, output, control);
      return;
    }
    const path = await (runs ? reportOfRuns(runs, out) : reportOfRun(run ?? '', out));
    output.result(`Report: ${path}`, { report: path });
  });
}

/** Serves the page until the job is stopped. */
async function serve(
  folder: string,
  port: number | undefined,
  output: Output,
  { signal, onWarning }: Required<JobOptions>,
): Promise<void> {
  const { WatchServer } = await import('../watchServer.js');
  const server = await WatchServer.open(folder, port ?? 0, { onWarning });
  const url = `http://${server.address}/`;
  output.result(`Watch it at ${url}`, { url });
  output.info('Ctrl-C ends it.');
  await new Promise<void>((stopped) => {
    if (signal?.aborted === true) stopped();
    signal?.addEventListener('abort', () => {
      stopped();
    });
  });
  await server.close();
}

async function reportOfRun(run: string, out: string | undefined): Promise<string> {
  const { writeReport } = await import('../../report/writeReport.js');
  return writeReport({ run, out });
}

async function reportOfRuns(runs: readonly string[], out: string | undefined): Promise<string> {
  const { writeRunsReport } = await import('../../report/runsReport.js');
  return writeRunsReport({ runs, out });
}
