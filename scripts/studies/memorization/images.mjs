// The compressed records of studies/memorization: a row per image, with a digit or a number for each model, in the order of seeds from 0.
//   node scripts/studies/memorization/images.mjs pack NAME FOLDER     from the records of `study run` in FOLDER to results/
//   node scripts/studies/memorization/images.mjs unpack NAME FOLDER   back, for `study tables ... --set records=FOLDER`
// Images on which a model's neurons were chosen have no changes. The loss summed over training is left out.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { groupedBy } from '../../../dist/kit/rows.js';

const RESULTS = new URL('../../../studies/memorization/results/', import.meta.url);
const OF_IMAGE = ['stage', 'file', 'class', 'attribute', 'group'];
const OF_CHANGE = ['chosenFor', 'k', 'criterion'];

const [, , verb, name, folder] = process.argv;
const rowsIn = (text) => parse(text, { columns: true });
const pathOf = (table) => join(folder, `${name}-${table}.csv`);
const packedOf = (table) => new URL(`${name}-${table}.csv.gz`, RESULTS);
const pick = (row, columns) => Object.fromEntries(columns.map((column) => [column, row[column]]));
if (verb === 'pack') pack();
else unpack();

function pack() {
  const changes = new Map(
    groupedBy(rowsIn(readFileSync(pathOf('changes'))), ['file']).map((own) => [own[0].file, own]),
  );
  const images = groupedBy(rowsIn(readFileSync(pathOf('predictions'))), ['stage', 'file']).map((own) => {
    const changed = changes.get(own[0].file) ?? [];
    const columns = groupedBy(changed, OF_CHANGE).flatMap((rows) =>
      ['change', 'random'].map((column) => {
        return [[...OF_CHANGE.map((of) => rows[0][of]), column].join(' '), bySeed(rows, column).join(' ')];
      }),
    );
    return {
      ...pick(own[0], OF_IMAGE),
      trained: bySeed(own, 'trained').join(''),
      right: bySeed(own, 'right').join(''),
      margin: bySeed(changed, 'margin').join(' '),
      ...Object.fromEntries(columns),
    };
  });
  const columns = [...new Set(images.flatMap((image) => Object.keys(image)))];
  write('images', images, columns);
  // Not the times, which are of a run's last start.
  const models = rowsIn(readFileSync(pathOf('models')));
  write('models', models, ['seed', 'stage', 'split', 'group', 'accuracy']);
}

function write(table, rows, columns) {
  writeFileSync(packedOf(table), gzipSync(stringify(rows, { header: true, columns }), { level: 9 }));
}

/** A column's values of rows that differ in their seeds, a place for each seed. */
function bySeed(rows, column) {
  const values = [];
  for (const row of rows) values[Number(row.seed)] = row[column];
  return Array.from(values, (value) => value ?? '');
}

function unpack() {
  mkdirSync(folder, { recursive: true });
  const images = rowsIn(gunzipSync(readFileSync(packedOf('images'))));
  const answers = images.flatMap((image) =>
    [...image.trained].map((trained, seed) => {
      return { seed, ...pick(image, OF_IMAGE), trained, right: image.right[seed] };
    }),
  );
  const changes = images.flatMap((image) => {
    const margins = image.margin.split(' ');
    const ofImage = pick(image, ['stage', 'file', 'group']);
    const sets = Object.keys(image).filter((column) => column.endsWith(' change') && image[column] !== '');
    return sets.flatMap((column) => {
      const set = column.split(' ');
      const random = image[column.replace(/change$/, 'random')].split(' ');
      return image[column].split(' ').flatMap((change, seed) => {
        const chosen = Object.fromEntries(OF_CHANGE.map((of, i) => [of, set[i]]));
        const measured = { margin: margins[seed], change, random: random[seed] };
        return change === ''
          ? []
          : [{ seed, ...ofImage, ...chosen, trained: image.trained[seed], ...measured }];
      });
    });
  });
  writeFileSync(pathOf('predictions'), stringify(answers, { header: true }));
  writeFileSync(pathOf('changes'), stringify(changes, { header: true }));
  writeFileSync(pathOf('models'), gunzipSync(readFileSync(packedOf('models'))));
}
