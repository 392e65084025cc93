import { Command, Option } from 'commander';
import { addJob } from '#src/cli/job.js';
import { run, throwOnUsageErrors } from '#src/cli/main.js';
import { ownOptions, pick, settingsSet } from '#src/cli/options.js';
import { misuse } from '#src/cli/parameters.js';
import { TypedOption } from '#src/cli/settings.js';
import { ENGINE_SETTINGS } from '#src/native/engine.js';
import { integer, positive } from '#src/settings/values.js';
import { CASES } from './cases.js';
import { type BenchOptions, runBench } from './runBench.js';
import { benchTable, caseLine, caseList } from './tables.js';

const OPTIONS = ownOptions<
  Pick<BenchOptions, 'repeats' | 'run' | 'out' | 'compare' | 'against' | 'tolerance'> & {
    readonly case?: readonly string[];
    readonly data: string;
  }
>((command) =>
  command
    .option('--case <name...>', 'what to measure; all: every case')
    .addOption(
      new TypedOption(
        '--repeats <n>',
        'measured repeats of each side (default: the case\u2019s)',
        integer(1),
      ),
    )
    .option('--run <run>', 'run folder of a trained model, for cases that trace one')
    .option('--data <folder>', 'where the data that cases make is kept', 'data/bench')
    .option('--out <file>', 'result (JSON), case by case; cases that it has of this commit are not repeated')
    .option('--compare <file>', 'an earlier result (--json) that no case may fall behind three times')
    .addOption(
      new Option(
        '--against <folder>',
        'a built earlier checkout to measure against instead of PyTorch; fails if a case is slower three times in a row',
      ).conflicts(['compare', 'out']),
    )
    .addOption(
      new TypedOption('--tolerance <share>', 'how far a ratio may fall behind', positive()).default(0.1),
    ),
);

function benchCommand(): Command {
  const command = new Command('bench').description(
    'measure speed and memory against PyTorch, in turn; without --case, list the cases',
  );
  const engine = settingsSet(pick(ENGINE_SETTINGS, 'device', 'threads'), 'Computing:');
  addJob(command, [OPTIONS, engine], async (options, output, control) => {
    const { case: cases, device = 'auto', threads = 0, data: folder } = options;
    if (cases === undefined) {
      const only = ['out', 'compare', 'against', 'repeats', 'run'] as const;
      const unused = only.find((name) => options[name] !== undefined);
      if (unused !== undefined) {
        const problem = `\`${unused}\` takes \`case\`: without one, the cases are listed.`;
        throw misuse(unused, options[unused], problem);
      }
      output.result(caseList(CASES), { cases: CASES });
      return;
    }
    const result = await runBench({
      ...options,
      ...control,
      cases,
      folder,
      device,
      threads,
      onCase: (measured) => {
        output.info(caseLine(measured));
      },
    });
    output.result(benchTable(result), result);
    const fellBehind = result.comparison?.cases.some((compared) => compared.fellBehind) === true;
    const disagreed = result.cases.some(({ agreement }) => (agreement?.different.length ?? 0) > 0);
    if (fellBehind || disagreed) process.exitCode = 1;
  });
  throwOnUsageErrors(command);
  return command;
}

await run(process.argv, () => Promise.resolve(benchCommand()));
