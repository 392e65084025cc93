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

/** A text with its tables, each between `<!-- replication: name -->` and `<!-- end -->`. */
export function withReplicationTables(text) {
  return withTables(text, 'replication', { counts: countsTable() });
}

function countsTable() {
  const rows = GROUPS.map(([name, study, files, group]) => {
    const folder = new URL(`../studies/${study}/results/`, import.meta.url);
    const records = readdirSync(folder)
      .filter((file) => files.test(file))
      .flatMap((file) => parse(readFileSync(new URL(file, folder)), { columns: true }))
      .filter(
        (row) =>
          row.criterion === 'gradient' &&
          row.chosenFor === String(group) &&
          row.split === 'train' &&
          row.stage === 'late',
      );
    const cells = COUNTS.map((k) => {
      const own = records.filter((row) => row.k === String(k));
      const over = (column) => summarizeSeeds(own.map((row) => 100 * Number(row[column])));
      const [{ mean, interval }, { mean: difference }] = [
        over(`accuracy${group}`),
        over('accuracyInteraction'),
      ];
      return `${mean.toFixed(1)} [${interval.map((end) => end.toFixed(1)).join(', ')}] (${difference.toFixed(1)})`;
    });
    return [name, ...cells];
  });
  return markdown(['group', ...COUNTS.map((k) => `k = ${k}`)], rows);
}
