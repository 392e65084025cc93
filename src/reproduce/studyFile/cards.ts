import { numberOf } from '../../kit/rows.js';
import { summarize } from '../../kit/summarize.js';
import { list, type Table } from '../../kit/table.js';
import { inWords } from '../../settings/setting.js';
import { jobsOfArms } from '../study/studyArm.js';
import type { Combination } from '../sweep/plan.js';
import { armsOf, recordedArms } from './arms.js';
import { accuracyColumns, groupNames, hoursText, tableOf } from './cells.js';
import type { RecordRow } from './records.js';
import type { StudyFile } from './schema.js';

/** A benchmark's data, the settings of one of its arms, and every recorded run of it. */
export interface ArmCard {
  readonly arm: string;
  /** The settings of each training, of ERM first where the arm starts from it. */
  readonly settings: readonly Table[];
  /** Seed by seed, and the mean. */
  readonly runs: readonly Table[];
}

/** The cards of a benchmark's recorded arms, in the order of the study. */
export async function armCards(file: StudyFile, name: string): Promise<ArmCard[]> {
  const rows = await recordedArms(file, name);
  const study = armsOf(file, name);
  const groupName = groupNames(file.models?.tests);
  return study.arms.flatMap(({ grid: _grid, ...arm }): ArmCard[] => {
    const ofArm = (rows.get(arm.name) ?? []).toSorted((a, b) => numberOf(a, 'seed') - numberOf(b, 'seed'));
    const [first] = ofArm;
    if (first === undefined) return [];
    const configuration = JSON.parse(String(first.configuration)) as Combination;
    const jobs = jobsOfArms(study, [{ ...arm, settings: { ...arm.settings, ...configuration } }], [0]);
    return [
      {
        arm: arm.name,
        settings: jobs.map(({ method, settings }) =>
          tableOf(
            `Settings of train ${method}; others are its defaults`,
            ['setting', 'value'],
            Object.entries(settings).map(([setting, value]) => [setting, inWords(value)]),
          ),
        ),
        runs: runsTables(ofArm, groupName),
      },
    ];
  });
}

function runsTables(rows: readonly RecordRow[], groupName: (group: number) => string): Table[] {
  const measures = [...accuracyColumns(rows[0]), 'validation'] as const;
  const [mean] = summarize(rows, { by: [], over: 'seed', measures });
  return list([...rows, { ...mean, seed: 'mean' }], ['seed', ...measures, 'precision'], {
    caption: 'Accuracy in percent, seed by seed, and the mean with its 95 % interval',
    notes: [hoursText(rows)],
    groupName,
  });
}
