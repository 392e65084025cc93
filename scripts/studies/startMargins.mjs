// The table of NAME-starts.csv, where margins started and what zeroing left (post hoc): node scripts/studies/startMargins.mjs STUDY NAME
import { markdownOf } from '#src/cli/textTable.js';
import { select } from '#src/kit/rows.js';
import { groupNames, majorityOf, meanText, minoritiesOf } from '#src/study/cells.js';
import { readStudy } from '#src/study/document.js';
import { pooled } from '#src/study/records.js';
import { tableOf } from './tableOf.mjs';

const [, , path = '', name = ''] = process.argv;
const { tests, pools, recordsFolder } = await readStudy(path);
const { neurons } = tests;
const records = pooled(recordsFolder, name, pools[name] ?? [name]);
const stages = neurons.growth ?? [neurons.of];
const starts = await records.read('starts');
const effects = select(await records.read('effects'), { k: neurons.k });
console.log(
  minoritiesOf(neurons)
    .map((chosenFor) => markdownOf(table(chosenFor)))
    .join('\n\n'),
);

/** A minority group and the majority group of its class, under neurons that were chosen for the minority group. */
function table(chosenFor) {
  const rows = stages.flatMap((stage) => [
    row(stage, '', chosenFor, () => 0),
    ...neurons.criteria.map((criterion) =>
      row(stage, criterion, chosenFor, ({ seed, split }, group) => {
        const [set] = select(effects, { seed, stage, split, criterion, chosenFor });
        return set[`margin${group}`];
      }),
    ),
  ]);
  const measured = [chosenFor, majorityOf(neurons, chosenFor)].map(groupNames(neurons));
  return tableOf(
    `Post hoc: margins in logits before anything is zeroed, and what is left when ${neurons.k} neurons are: means over models, 95 % intervals`,
    [
      ...['models', 'zeroed', 'chosen for'],
      ...measured.flatMap((group) => [`${group}, training`, `${group}, test`, `${group}, difference`]),
    ],
    rows,
  );
}

function row(stage, criterion, chosenFor, changeOf) {
  const shown = [chosenFor, majorityOf(neurons, chosenFor)];
  const cells = shown.flatMap((group) => {
    const left = (split) =>
      select(starts, { stage, split, group }).map((start) => start.mean + changeOf(start, group));
    const [train, test] = [left('train'), left('test')];
    const difference = train.map((value, model) => value - test[model]);
    return [train, test, difference].map((values) => meanText(values, 2));
  });
  return [stage, criterion || 'nothing', criterion && `G${chosenFor}*`, ...cells];
}
