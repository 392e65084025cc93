import { basename, dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { writeCsv } from '../../csvFile.js';
import { kindOf } from '../../data/sourceFile.js';
import { SpurmemError } from '../../errors.js';
import { EVALUATE_SETTINGS, evaluateRun } from '../../experiments/evaluateRun.js';
import { judgeRule, readRule, type Requirement } from '../../experiments/requirements.js';
import { makeFolder, removeLeftovers } from '../../files.js';
import { csvRows } from '../../kit/rows.js';
import { percentRange, percentText } from '../../report/format.js';
import { groupLabels } from '../../report/groupLabels.js';
import { addJob } from '../job.js';
import { ENGINE, ownOptions, READING, RUN, settingsSet } from '../options.js';
import { evaluationTable } from '../runTables.js';
import { textTable } from '../textTable.js';

const CSV = ownOptions<{ readonly csv?: string }>((command) =>
  command.option(
    '--csv <file>',
    'write a row for each image: its prediction, probabilities, margin and loss (every split, unless --split names one)',
  ),
);

const UNDECIDED = ['pass', 'fail'] as const;
const GATE = ownOptions<{ readonly require?: string[]; readonly undecided?: (typeof UNDECIDED)[number] }>(
  (command) =>
    command
      .option(
        '--require <rule...>',
        'exit with 1 unless worst-group>=0.6, average>=0.9, gap<=0.2 (best minus worst group) or no-group-below RUN is shown by the 95 % interval; 3: undecided',
      )
      .addOption(
        new Option(
          '--undecided <verdict>',
          'what an undecided rule counts as, instead of exit code 3',
        ).choices(UNDECIDED),
      ),
);

/** Exit codes of a gate. */
const EXIT = { pass: 0, fail: 1, undecided: 3 } as const;

export function addCommand(command: Command): void {
  const sets = [RUN, settingsSet(EVALUATE_SETTINGS), ENGINE, READING, CSV, GATE] as const;
  addJob(command, sets, async ({ csv, require = [], undecided, ...given }, output, control) => {
    if (csv !== undefined) await requireNew(csv);
    const rules = require.map(readRule);
    const pairs = rules.some(({ metric }) => metric === 'no-group-below');
    const evaluated = await evaluateRun({ ...given, ...control, rows: csv !== undefined || pairs });
    const requirements: Requirement[] = [];
    for (const rule of rules) {
      const { split } = evaluated;
      // Its selected epoch: `epoch` is one of this run's.
      const before =
        'run' in rule
          ? await evaluateRun({ ...given, ...control, run: rule.run, split, epoch: undefined, rows: true })
          : undefined;
      requirements.push(judgeRule(rule, evaluated, before));
    }
    const { rows = [], groups, ...result } = evaluated;
    const verdicts = requirements.map(({ verdict }) =>
      verdict === 'undecided' ? (undecided ?? verdict) : verdict,
    );
    const worst = (['fail', 'undecided'] as const).find((one) => verdicts.includes(one)) ?? 'pass';
    process.exitCode = EXIT[worst];
    if (csv !== undefined) await writeCsv(csv, csvRows(rows));
    const lines = [
      textTable(evaluationTable(result, groupLabels(groups)), output),
      ...(csv === undefined ? [] : [`${rows.length} images: ${csv}`]),
      ...requirements.map(
        ({ rule, value, interval, verdict }) =>
          `${rule}: ${value === null ? 'a group has no image' : `${percentText(value)} ${percentRange(interval)}`}: ${verdict}`,
      ),
    ];
    const document = {
      ...result,
      ...(csv !== undefined && { csv }),
      ...(rules.length > 0 && { requirements }),
    };
    output.result(lines.join('\n'), document);
  });
}

/** Throws `OUTPUT_UNWRITABLE` before anything is computed: the file may be a table of somebody's labels. Removes what killed calls have left of it. */
export async function requireNew(path: string): Promise<void> {
  if ((await kindOf(path)) !== undefined) {
    const problem = `${path} is there already. Nothing was changed.`;
    const blame = { parameter: 'csv', value: path, advice: ['Choose another `csv`, or remove it.'] };
    throw new SpurmemError('OUTPUT_UNWRITABLE', problem, blame);
  }
  await makeFolder(dirname(path));
  await removeLeftovers(dirname(path), (name) => name === basename(path));
}
