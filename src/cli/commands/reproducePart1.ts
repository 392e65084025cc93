import type { Command } from 'commander';
import type { Figure } from '../../report/figure.js';
import { articleName } from '../../report/format.js';
import { OF_ONE_RUN, PART1 } from '../../reproduce/articleFigures.js';
import { reproducePart1 } from '../../reproduce/part1.js';
import { ERM_PART, TRACING } from '../../reproduce/part1Traces.js';
import { addJob } from '../job.js';
import { ENGINE, ofRun, ownOptions, pick, PROTOCOL, READING, SEED, settingsSet, under } from '../options.js';
import { figureTables } from '../tables.js';

const { settings: ERM_OPTIONS } = ERM_PART;
const TRACE_OPTIONS = {
  ...pick(TRACING, 'criteria', 'heldOutHalf', 'batchSize'),
  precision: {
    ...TRACING.precision,
    help: 'precision of the model, also for training it; if it differs from the run’s, the traces count the predictions that change',
  },
  ...pick(TRACING, 'sigmas', 'repeats', 'layerTopK', 'fraction', 'samples', 'nullDraws', 'exceedances'),
};

const DRY_RUN = ownOptions<{ readonly dryRun: boolean }>((command) =>
  command.option('--dry-run', 'say whether a model would be trained, and trace nothing', false),
);
const OPTIONS = [
  ofRun('run folder; without a model, one is trained there by ERM'),
  PROTOCOL,
  DRY_RUN,
  under('erm', settingsSet(ERM_OPTIONS, 'The model, if it has to be trained:')),
  settingsSet(TRACE_OPTIONS, 'Tracing:'),
  ENGINE,
  SEED,
  READING,
  { options: [], read: () => ({}), names: { topK: '--layer-top-k', out: '--run' } },
] as const;

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
  addJob(command, OPTIONS, async ({ dryRun, erm, seed, ...given }, output, control) => {
    const onEpoch = output.epochLines();
    const common = { ...control, figures, ...given, erm: { ...erm, onEpoch }, onStep: output.info };
    if (dryRun) {
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
      run: given.run,
      report: result.report,
      figures: result.figures.map(({ tables: _tables, ...figure }) => figure),
    });
  });
}
