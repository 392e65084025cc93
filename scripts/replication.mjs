// The tables of REPLICATION.md that no study prints, from the studies' records.
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { withTables } from '../dist/cli/protocolTables.js';
import { markdown } from '../dist/cli/textTable.js';
import { summarizeSeeds } from '../dist/metrics/seeds.js';

const COUNTS = [1, 2, 3, 5, 10];
/** Minority groups, and where their effects are recorded, of the networks' last epoch. */
const GROUPS = [
  ['CelebA, blond men', 'celeba', /^celeba-\d-effects\.csv$/, 3],
  ['birds, 20 sets, land birds on water', 'compositions', /-effects\.csv$/, 1],
  ['birds, 20 sets, water birds on land', 'compositions', /-effects\.csv$/, 2],
  ['faces, young men', 'photographs', /^faces-effects\.csv$/, 1],
  ['faces, old women', 'photographs', /^faces-effects\.csv$/, 2],
];

const STAGES = {
  first: 'epoch 1',
  third: 'epoch 3',
  best: 'best validation worst group',
  late: 'epoch 10, the last',
};

/** A text with its tables, each between `<!-- replication: name -->` and `<!-- end -->`. */
export function withReplicationTables(text) {
  return withTables(text, 'replication', { counts: countsTable(), regime: regimeTable() });
}

/** A study's records in all files of a name. */
function recordsOf(study, files) {
  const folder = new URL(`../studies/${study}/results/`, import.meta.url);
  return readdirSync(folder)
    .filter((file) => files.test(file))
    .flatMap((file) => parse(readFileSync(new URL(file, folder)), { columns: true }));
}

/** A mean with its 95 % interval, in points. */
function points(values) {
  const { mean, interval } = summarizeSeeds(values.map((value) => 100 * value));
  return `${mean.toFixed(1)} [${interval.map((end) => end.toFixed(1)).join(', ')}]`;
}

/** The effects of the gradient's top k neurons for a group on training images. */
const ofGradient = (records, { group, k, stage }) =>
  records.filter(
    (row) =>
      row.criterion === 'gradient' &&
      row.chosenFor === String(group) &&
      row.split === 'train' &&
      row.k === String(k) &&
      row.stage === stage,
  );

function countsTable() {
  const rows = GROUPS.map(([name, study, files, group]) => {
    const records = recordsOf(study, files);
    const cells = COUNTS.map((k) => {
      const own = ofGradient(records, { group, k, stage: 'late' });
      const { mean } = summarizeSeeds(own.map((row) => 100 * Number(row.accuracyInteraction)));
      return `${points(own.map((row) => Number(row[`accuracy${group}`])))} (${mean.toFixed(1)})`;
    });
    return [name, ...cells];
  });
  return markdown(['group', ...COUNTS.map((k) => `k = ${k}`)], rows);
}

/** CelebA's blond men from before they are fitted to after. */
function regimeTable() {
  const models = recordsOf('celeba', /^celeba-\d-models\.csv$/);
  const effects = recordsOf('celeba', /^celeba-\d-effects\.csv$/);
  const rows = Object.entries(STAGES).map(([stage, name]) => {
    const right = (split) =>
      models
        .filter((row) => row.stage === stage && row.split === split && row.group === '3')
        .map(({ accuracy }) => Number(accuracy));
    const own = ofGradient(effects, { group: 3, k: 3, stage });
    const over = (value) => points(own.map(value));
    return [
      name,
      points(right('train')),
      points(right('test')),
      over((row) => Number(row.accuracy3)),
      over((row) => Number(row.accuracyInteraction)),
      over((row) => Number(row.accuracyInteraction) - Number(row['same-layers accuracyInteraction'])),
      over((row) => Number(row.accuracy3) - Number(row.accuracy2)),
    ];
  });
  const head = [
    'networks of',
    'training',
    'test',
    'zeroed',
    'minority minus majority',
    'beyond random neurons',
    'minus blond women',
  ];
  return markdown(head, rows);
}
