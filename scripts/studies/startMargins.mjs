// Where margins start, and what zeroing leaves of them, in training and test: post hoc, for how to read "training minus test".
//   node scripts/studies/startMargins.mjs studies/celeba/study.yaml celeba
// measures what NAME-starts.csv lacks (the runs must be there), and prints the table; NAME is a benchmark or a pool.
import { markdownOf } from '#src/cli/textTable.js';
import { TRACE_SETTINGS } from '#src/experiments/traceSettings.js';
import { distinct, select } from '#src/kit/rows.js';
import { mean } from '#src/metrics/statistics.js';
import { groupNames, majorityOf, meanText, minoritiesOf, tableOf } from '#src/reproduce/studyFile/cells.js';
import { judgedMargins, stagesOf } from '#src/reproduce/studyFile/models.js';
import { Records } from '#src/reproduce/studyFile/records.js';
import { readNamed } from './named.mjs';

const { study, members, records } = await readNamed();
const { tests } = study.models;
const stages = tests.growth ?? [tests.stage];
for (const member of members) await measure(member);

const starts = await records.read('starts');
const effects = select(await records.read('effects'), { k: tests.k });
const minorities = minoritiesOf(tests);
console.log(minorities.map((chosenFor) => markdownOf(table(chosenFor))).join('\n\n'));

/** A minority group and the majority group of its class, under neurons that were chosen for the minority group. */
function table(chosenFor) {
  const rows = stages.flatMap((stage) => [
    row(stage, '', chosenFor, () => 0),
    ...tests.criteria.map((criterion) =>
      row(stage, criterion, chosenFor, ({ seed, split }, group) => {
        const [set] = select(effects, { seed, stage, split, criterion, chosenFor });
        return set[`margin${group}`];
      }),
    ),
  ]);
  const measured = [chosenFor, majorityOf(tests, chosenFor)].map(groupNames(tests));
  return tableOf(
    `Post hoc: margins in logits before anything is zeroed, and what is left when ${tests.k} neurons are: means over models, 95 % intervals`,
    [
      ...['models', 'zeroed', 'chosen for'],
      ...measured.flatMap((group) => [`${group}, training`, `${group}, test`, `${group}, difference`]),
    ],
    rows,
  );
}

function row(stage, criterion, chosenFor, changeOf) {
  const shown = [chosenFor, majorityOf(tests, chosenFor)];
  const cells = shown.flatMap((group) => {
    const left = (split) =>
      select(starts, { stage, split, group }).map((start) => start.mean + changeOf(start, group));
    const [train, test] = [left('train'), left('test')];
    const difference = train.map((value, model) => value - test[model]);
    return [train, test, difference].map((values) => meanText(values, 2));
  });
  return [stage, criterion || 'nothing', criterion && `G${chosenFor}*`, ...cells];
}

/** Adds the rows of a benchmark's models that are not recorded. */
async function measure(member) {
  const own = study.benchmarks[member];
  const records = new Records(study.recordsFolder, member);
  const known = distinct(await records.read('starts'), 'seed');
  const { data, datasetOptions } = own;
  const seeds = (own.models.seeds ?? study.models.seeds).filter((seed) => !known.includes(seed));
  // Those of the traces whose changes are added: on the same examples.
  const { heldOutHalf, samples } = study.models.traces.find(({ record }) => record === 'effects').settings;
  for (const seed of seeds) {
    const made = [];
    for (const { stage, epoch, run } of stagesOf(study, member, seed)) {
      if (!stages.includes(stage)) continue;
      const options = { run: run.out, data, datasetOptions, epoch, seed, heldOutHalf };
      for (const split of ['train', 'test']) {
        const margins = await judgedMargins(
          options,
          split,
          samples ?? TRACE_SETTINGS.unstructured.samples.article,
        );
        made.push(...margins.map((values, group) => ({ seed, stage, split, group, mean: mean(values) })));
      }
    }
    await records.add('starts', made, { seed });
  }
}
