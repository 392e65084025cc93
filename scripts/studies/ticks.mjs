// The rows of studies/ticks: refits of a last layer with a few ticked images, by what ticks them. Adds a data set's rows to a table, and
// prints its verdicts.
//
//   node scripts/studies/ticks.mjs FILE.csv NAME '{"run": "runs/birds"}' [SEEDS]
//   node scripts/studies/ticks.mjs FILE.csv NAME '{"data": "data/birds", "weights": "resnet18.safetensors", "arch": "resnet18"}' [SEEDS]
//   node scripts/studies/ticks.mjs FILE.csv                                prints the tables
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { csvText } from '../../dist/csvFile.js';
import { inverseSizes } from '../../dist/data/sampling.js';
import { judge } from '../../dist/experiments/outcomes.js';
import { observe } from '../../dist/extras/discover/features.js';
import { crossFittedMargins } from '../../dist/extras/discover/rank.js';
import { meanInterval } from '../../dist/metrics/intervals.js';
import { momentsOf } from '../../dist/metrics/statistics.js';
import { native } from '../../dist/native/addon.js';
import { openEngine } from '../../dist/native/engine.js';
import { l2Penalty, SoftmaxRegression } from '../../dist/train/dfr/softmaxRegression.js';

const [MINORITY, POOL, STRENGTH, MARGIN] = [0.05, 3 / 5, 0.001, 0.03];
const LOOKS = [12, 24, 48, 96];
/** Student's t at 95 % with 9 degrees of freedom over that at 97.5 %: the 90 % interval. */
const T90 = 1.833113 / 2.262157;
/** Nadeau and Bengio's correction for divisions that overlap, with two images measured for three of the pool. */
const OVERLAP = Math.sqrt(1 + (10 * 2) / 3);

const [file, name, options, seeds = '10'] = process.argv.slice(2);
const rows = existsSync(file) ? parse(readFileSync(file), { columns: true }) : [];
if (name === undefined) printTables();
else await addRows();

async function addRows() {
  const context = await openEngine({});
  const images = await imagesOf(context);
  for (let seed = 0; seed < Number(seeds); seed += 1) {
    if (rows.some((row) => row.data === name && Number(row.seed) === seed)) continue;
    const made = await ofSeed(images, seed, context);
    rows.push(...made.map((row) => ({ data: name, seed, ...row })));
    writeFileSync(file, csvText(rows));
    process.stderr.write(`${name}, seed ${seed}\n`);
  }
}

/** Validation and test images with features, the run's margin, and the unit that stays on one side. */
async function imagesOf(context) {
  const all = [];
  let common;
  for (const split of ['val', 'test']) {
    const seen = await observe({ ...JSON.parse(options), split }, context, {});
    const { dataset, indices, labels, features, logits } = seen;
    const size = features.length / indices.length;
    const margins = logits && judge(logits, labels).margins;
    const units = unitsOf(dataset);
    const { counts, numSpurious } = dataset;
    const rare = dataset.targetNames.map((_, y) => {
      const own = counts.train.slice(y * numSpurious, (y + 1) * numSpurious);
      const [least, sum] = [Math.min(...own), own.reduce((a, b) => a + b)];
      return least / sum < 0.25 ? own.indexOf(least) : -1;
    });
    common = { numClasses: dataset.numClasses, size, rare, hasNetwork: margins !== undefined };
    for (const [i, index] of indices.entries()) {
      const { y, a, filename } = dataset.examples[index];
      const own = features.subarray(i * size, (i + 1) * size);
      all.push({ y, a, features: own, network: margins?.[i], unit: units.get(filename) ?? filename });
    }
  }
  return { all, ...common };
}

/** The photograph of composed images, which are there on each place. */
function unitsOf({ folder, table }) {
  if (!table.endsWith('.csv')) return new Map();
  const read = parse(readFileSync(join(folder, 'metadata.csv')), { columns: true });
  return new Map(read.flatMap((row) => (row.foreground ? [[row.img_filename, row.foreground]] : [])));
}

async function ofSeed({ all, numClasses, size, rare, hasNetwork }, seed, context) {
  const generator = new (native().Generator)(seed);
  const units = [...new Set(all.map(({ unit }) => unit))];
  const drawn = new Set(
    [...generator.randperm(units.length)].slice(0, POOL * units.length).map((at) => units[at]),
  );
  const measured = all.filter(({ unit }) => !drawn.has(unit));
  const pool = thinned(
    all.filter(({ unit }) => drawn.has(unit)),
    rare,
    generator,
  );
  const features = new Float32Array(pool.length * size);
  for (const [i, image] of pool.entries()) features.set(image.features, i * size);
  const labels = Int32Array.from(pool, ({ y }) => y);
  const given = { features, labels, numClasses };
  const orders = {
    heads: await crossFittedMargins(given, { fold: 5, inverseStrength: 0.01, seed }, context, {}),
    random: pool.map(() => generator.uniform(0, 1)),
    ...(hasNetwork ? { network: pool.map(({ network }) => network) } : {}),
  };
  const regression = await SoftmaxRegression.of(features, labels, numClasses, context);
  const worst = async (groups) => {
    const weights = inverseSizes(Int32Array.from(groups));
    const { layer } = await regression.fit({
      weights,
      penalty: l2Penalty(STRENGTH, pool.length, numClasses),
    });
    return worstGroup(layer, measured, size);
  };
  const classes = [...labels];
  const made = [
    { arm: 'class', looks: 0, mistakes: 0, found: 0, worst: await worst(classes) },
    {
      arm: 'all',
      looks: pool.length,
      mistakes: 0,
      found: 0,
      worst: await worst(pool.map(({ y, a }) => y * 100 + a)),
    },
  ];
  for (const looks of LOOKS) {
    for (const [arm, order] of Object.entries(orders)) {
      for (const mistakes of arm === 'heads' && (looks === 24 || looks === 48) ? [0, 0.05, 0.1] : [0]) {
        const groups = classes.map((y) => 2 * y);
        let found = 0;
        for (let y = 0; y < numClasses; y += 1) {
          if (rare[y] < 0) continue;
          const own = [...pool.keys()].filter((i) => labels[i] === y).sort((a, b) => order[a] - order[b]);
          for (const i of own.slice(0, looks)) {
            const isRare = pool[i].a === rare[y];
            if (isRare === generator.uniform(0, 1) < mistakes) continue;
            groups[i] += 1;
            found += Number(isRare);
          }
        }
        made.push({ arm, looks, mistakes, found, worst: await worst(groups) });
      }
    }
  }
  regression[Symbol.dispose]();
  return made;
}

/** One image per unit, and no more rare ones than 5 % of their class. */
function thinned(images, rare, generator) {
  const units = new Map();
  for (const image of images) units.set(image.unit, [...(units.get(image.unit) ?? []), image]);
  const isRare = ({ y, a }) => a === rare[y];
  const single = [...units.values()].map((own) => {
    const wanted = generator.uniform(0, 1) < MINORITY;
    return own.find((image) => isRare(image) === wanted) ?? own[0];
  });
  return rare.flatMap((_, y) => {
    const own = single.filter((image) => image.y === y);
    const [few, many] = [own.filter(isRare), own.filter((image) => !isRare(image))];
    const most = Math.round((many.length * MINORITY) / (1 - MINORITY));
    const order = [...generator.randperm(few.length)];
    return rare[y] < 0 ? own : [...many, ...order.slice(0, most).map((at) => few[at])];
  });
}

function worstGroup({ weight, bias }, images, size) {
  const counts = new Map();
  for (const { y, a, features } of images) {
    const logits = [...bias].map((value, k) =>
      features.reduce((sum, feature, j) => sum + feature * weight[k * size + j], value),
    );
    const [right, all] = counts.get(`${y}/${a}`) ?? [0, 0];
    counts.set(`${y}/${a}`, [right + Number(logits.indexOf(Math.max(...logits)) === y), all + 1]);
  }
  return Math.min(...[...counts.values()].map(([right, all]) => right / all));
}

function printTables() {
  for (const data of new Set(rows.map((row) => row.data))) {
    const own = rows.filter((row) => row.data === data);
    const of = (arm, looks, mistakes) => {
      const rowsOf = own.filter((row) => row.arm === arm && Number(row.mistakes) === mistakes);
      return rowsOf.filter((row) => looks === undefined || Number(row.looks) === looks);
    };
    const all = new Map(of('all', undefined, 0).map((row) => [row.seed, Number(row.worst)]));
    console.log(
      `\n${data} (${all.size} seeds)\n\n| arm | looks a class | mistakes | rare ones ticked | worst group | minus all labels, 90 % | verdict | 90 %, for overlap |\n| --- | --- | --- | --- | --- | --- | --- | --- |`,
    );
    const arms = [
      ...new Set(own.map(({ arm, looks, mistakes }) => `${arm}/${arm === 'all' ? '' : looks}/${mistakes}`)),
    ];
    for (const key of arms) {
      const [arm, looks, mistakes] = key.split('/');
      const found = of(arm, looks === '' ? undefined : Number(looks), Number(mistakes));
      const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
      const differences = found.map((row) => Number(row.worst) - all.get(row.seed));
      const center = mean(differences);
      const ends = (factor) =>
        meanInterval(momentsOf(differences)).map((end) => center + (end - center) * T90 * factor);
      const [low, high] = ends(1);
      const verdict =
        low > MARGIN
          ? 'better'
          : high < -MARGIN
            ? 'worse'
            : low >= -MARGIN && high <= MARGIN
              ? 'equivalent'
              : 'not decided';
      const points = (value) => (100 * value).toFixed(1);
      const [range, wide] = [ends(1), ends(OVERLAP)].map((given) => `[${given.map(points).join(', ')}]`);
      const difference = arm === 'all' ? ' |  | ' : `${points(center)} ${range} | ${verdict} | ${wide}`;
      const worst = mean(found.map((row) => Number(row.worst)));
      console.log(
        `| ${arm} | ${looks} | ${mistakes === '0' ? '' : mistakes} | ${mean(found.map((row) => Number(row.found))).toFixed(1)} | ${worst.toFixed(3)} | ${difference} |`,
      );
    }
  }
}
