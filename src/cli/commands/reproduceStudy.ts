import type { Command } from 'commander';
import { engineOptions } from '../../native/engine.js';
import { openStudy, reproduceStudy, studyTables } from '../../reproduce/studyFile/reproduceStudy.js';
import { addJob } from '../job.js';
import { addEngineOptions, type ComputingOptions, integers, pick } from '../options.js';
import { openStudyText, studyText } from '../studyFileText.js';

interface StudyCommandOptions extends ComputingOptions {
  readonly study: string;
  readonly benchmark?: readonly string[];
  readonly seeds?: readonly number[];
  readonly tables: boolean;
  readonly dryRun: boolean;
}

/** Adds `reproduce study`. */
export function addStudyCommand(reproduce: Command): void {
  const command = reproduce
    .command('study')
    .description(
      'a study that a file describes: models and their traces, tuned arms, planned tests; what is recorded is not run again',
    )
    .requiredOption('--study <file>', 'the study, in YAML or JSON; its results are recorded beside it')
    .option('--benchmark <name...>', 'some of its benchmarks (default: all)')
    .addOption(integers('--seeds <list>', 'some of its seeds, such as one machine\u2019s (default: all)', 0))
    .option('--tables', 'print the tables of what is recorded, and run nothing', false)
    .option('--dry-run', 'print what is not recorded yet, by its counts; nothing is written', false);
  addJob<StudyCommandOptions>(
    addEngineOptions(command),
    async (options, output, control) => {
      const asked = {
        ...control,
        ...engineOptions(options),
        ...pick(options, 'study', 'seeds'),
        benchmarks: options.benchmark,
        onStep: output.info,
        onEpoch: output.epochLines(),
      };
      if (options.dryRun) {
        const open = await openStudy(asked);
        output.result(openStudyText(open), { benchmarks: open });
        return;
      }
      const tables = await (options.tables ? studyTables(asked) : reproduceStudy(asked));
      output.result(studyText(tables), tables);
    },
    { benchmarks: '--benchmark' },
  );
}
