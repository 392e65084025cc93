import type { Command } from 'commander';
import type { Protocol } from '../../protocol.js';
import type { Figure } from '../../report/figure.js';
import { articleName } from '../../report/format.js';
import { OF_ONE_RUN, PART1 } from '../../reproduce/articleFigures.js';
import { reproducePart1 } from '../../reproduce/part1.js';
import { ERM_PART, TRACING } from '../../reproduce/part1Traces.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  addRunOptions,
  type ComputeOptions,
  pick,
  protocolOption,
  type RunOptions,
  sharedOptionsOf,
} from '../options.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';
import { figureTables } from '../tables.js';

interface Part1CommandOptions extends ComputeOptions, RunOptions {
  readonly protocol: Protocol;
  readonly dryRun: boolean;
}

const { settings: ERM_OPTIONS } = ERM_PART;
const TRACE_OPTIONS = {
  ...pick(TRACING, 'criteria', 'heldOutHalf', 'batchSize'),
  precision: {
    ...TRACING.precision,
    help: 'precision of the model, also for training it; if it differs from the run’s, the traces count the predictions that change',
  },
  ...pick(TRACING, 'sigmas', 'repeats', 'layerTopK', 'fraction', 'samples', 'nullDraws', 'exceedances'),
};

/** Adds `reproduce fig1`, ..., `reproduce table14` and `reproduce part1`. */
export function addPart1Commands(reproduce: Command): void {
  for (const figure of OF_ONE_RUN) {
    const { name, title } = figure;
    addFigureCommand(reproduce, name, `${articleName(name)}: ${title.toLowerCase()}`, [figure]);
  }
  const description = 'all figures and tables of the article\u2019s Part I from one run';
  addFigureCommand(reproduce, 'part1', description, PART1);
}

function addFigureCommand(
  reproduce: Command,
  name: string,
  description: string,
  figures: readonly Figure[],
): void {
  const command = reproduce.command(name).description(description);
  addRunOptions(command, 'run folder; without a model, one is trained there by ERM')
    .addOption(protocolOption())
    .option('--dry-run', 'say whether a model would be trained, and trace nothing', false);
  addSettings(command, ERM_OPTIONS, '', 'The model, if it has to be trained:');
  addSettings(command, TRACE_OPTIONS, '', 'Tracing:');
  addDatasetOptions(addComputeOptions(command));
  addJob<Part1CommandOptions>(
    command,
    async (options, output, control) => {
      const { run, seed } = options;
      const common = {
        ...control,
        figures,
        ...pick(options, 'run', 'data', 'protocol'),
        ...sharedOptionsOf(options),
        ...givenSettings(TRACE_OPTIONS, options),
        erm: { ...givenSettings(ERM_OPTIONS, options), onEpoch: output.epochLines() },
        onStep: output.info,
      };
      if (options.dryRun) {
        const { part1DryRun, printDryRun } = await import('../dryRun.js');
        printDryRun(output, await part1DryRun(common));
        return;
      }
      const result = await reproducePart1({ ...common, seed });
      const files = result.figures.flatMap(({ json, csv }) => [json, csv]);
      const text = [
        ...figureTables(result.figures, output),
        `Results:\n${files.map((file) => `  ${file}`).join('\n')}`,
        'One model: the study part1 reports means and intervals over models.',
        `Report: ${result.report}`,
      ];
      output.result(text.join('\n'), {
        run,
        report: result.report,
        figures: result.figures.map(({ tables: _tables, ...figure }) => figure),
      });
    },
    {
      ...settingNames(TRACE_OPTIONS),
      topK: '--layer-top-k',
      ...settingNames(ERM_OPTIONS, 'erm'),
      out: '--run',
    },
  );
}
