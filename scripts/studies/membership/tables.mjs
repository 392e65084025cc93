// The tables of studies/membership from its records, in Markdown: node scripts/studies/membership/tables.mjs > studies/membership/tables.md
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { randomLcg } from 'd3-random';
import jstat from 'jstat';
import { markdownOf } from '#src/cli/textTable.js';
import { equivalence } from '#src/metrics/equivalence.js';
import { holm } from '#src/metrics/holm.js';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { mean, quantile } from '#src/metrics/statistics.js';
import { tableOf as tableWith } from '../tableOf.mjs';

const { studentt, noncentralt } = jstat.jStat;
const MARGIN = 0.05;
const COUNTS = [1, 3, 10, 30, 100];
const PRIMARY = ['gradient', 'gradient-x-weight', 'oracle'];
const SETS = [...PRIMARY, 'oracle of the group', 'gradient-x-weight-contrast', 'learned-mask'];
/** Groups by their numbers, and the minority groups, each with the majority group of its class. */
const CELEBA = { names: { 3: 'blond men', 2: 'blond women' }, pairs: [[3, 2]] };
const BIRDS = {
  names: {
    1: 'land birds on water',
    0: 'land birds on land',
    2: 'water birds on land',
    3: 'water birds on water',
  },
  pairs: [
    [1, 0],
    [2, 3],
  ],
};
/** What is measured, by its file of records. New data go last, so that random draws of the others stay. */
const MEASURED = {
  celeba: CELEBA,
  control: CELEBA,
  early: CELEBA,
  birds: BIRDS,
  'early-birds': BIRDS,
  vit: CELEBA,
};

const tableOf = (caption, names, rows) => tableWith(caption, names.split(' | '), rows);
const isRandom = ({ set }) => set === 'none' || set === 'whole-model' || set.startsWith('same-layers');
const number = (value, digits = 3) => value.toFixed(digits);
const interval = (values, digits) => {
  const { mean: center, interval: range } = summarizeSeeds(values);
  return range
    ? `${number(center, digits)} [${range.map((end) => number(end, digits)).join(', ')}]`
    : number(center, digits);
};
const pText = (p) => (p === undefined ? '' : p < 0.001 ? '< 0.001' : number(p, 3));

/** Records of a model, a minority group and a judged group, each with its excess over the curve of its random sets. */
function modelsOf(data) {
  const rows = recorded(data).map((row) => {
    const numbers = ['seed', 'chosenFor', 'k', 'draw', 'group', 'auc', 'damage', 'trained', 'leftOut'];
    return { ...row, ...Object.fromEntries(numbers.map((name) => [name, Number(row[name])])) };
  });
  const models = new Map();
  for (const row of rows) models.set(keyOf(row), [...(models.get(keyOf(row)) ?? []), row]);
  return [...models.values()].map((own) => {
    const random = own.filter(isRandom);
    const curve = quadratic(random.map(({ damage, auc }) => [damage, auc]));
    const most = Math.max(...random.map(({ damage }) => damage));
    const [{ run, chosenFor, group }] = own;
    const withExcess = own.map((row) => ({
      ...row,
      curve: curve(row.damage),
      excess: row.damage > most ? Number.NaN : row.auc - curve(row.damage),
    }));
    return { run, chosenFor, group, rows: withExcess };
  });
}
const keyOf = ({ run, chosenFor, group }) => `${run} ${chosenFor} ${group}`;

/** The least-squares polynomial of degree 2 through points, by Gaussian elimination of the normal equations. */
function quadratic(points) {
  const sum = (power, weight) => points.reduce((all, [x, y]) => all + x ** power * (weight ? y : 1), 0);
  const rows = [0, 1, 2].map((i) => [...[0, 1, 2].map((j) => sum(i + j, false)), sum(i, true)]);
  for (const i of rows.keys()) {
    const pivot = rows.findIndex(
      (row, at) => at >= i && Math.abs(row[i]) === Math.max(...rows.slice(i).map((r) => Math.abs(r[i]))),
    );
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (const [at, row] of rows.entries()) {
      if (at === i) continue;
      const factor = row[i] / rows[i][i];
      rows[at] = row.map((value, column) => value - factor * rows[i][column]);
    }
  }
  const [c0, c1, c2] = rows.map((row, i) => row[3] / row[i]);
  return (x) => c0 + c1 * x + c2 * x * x;
}

/** The mean measure of a set's rows in each model. */
const measured = (models, set, k, measure) =>
  models.map(({ rows }) =>
    mean(rows.filter((row) => row.set === set && row.k === k).map((row) => row[measure])),
  );
const excesses = (models, group, set, k) =>
  models
    .filter((model) => model.group === group)
    .flatMap(({ rows }) => rows.filter((row) => row.set === set && (k === undefined || row.k === k)))
    .map(({ excess }) => excess)
    .filter((excess) => !Number.isNaN(excess));

const data = Object.fromEntries(Object.keys(MEASURED).map((name) => [name, modelsOf(name)]));
const ofMinority = (name, chosenFor) => data[name].filter((model) => model.chosenFor === chosenFor);
/** Models of a minority group, judged on that group. */
const ofOwn = (name, minority) => ofMinority(name, minority).filter(({ group }) => group === minority);

function baseTable() {
  const rows = Object.entries(MEASURED).flatMap(([name, { names, pairs }]) =>
    pairs.flatMap(([minority, majority]) =>
      [minority, majority].flatMap((group) => {
        const own = ofMinority(name, minority).filter((model) => model.group === group);
        if (own.length === 0) return [];
        const random = own.map(({ rows: all }) => all.filter(isRandom));
        const spread = random.map((all) => Math.sqrt(mean(all.map(({ excess }) => excess ** 2))));
        const damages = random.map((all) => all.map(({ damage }) => damage));
        const [median, largest] = [(all) => quantile(all, 0.5), (all) => Math.max(...all)].map((of) =>
          number(mean(damages.map(of)), 2),
        );
        const [{ trained, leftOut }] = own[0].rows;
        return [
          [
            name,
            `${names[group]}${group === minority ? '*' : ''}`,
            String(own.length),
            `${trained}, ${leftOut}`,
            interval(measured(own, 'none', 0, 'auc'), 2),
            number(mean(spread)),
            `${median}, ${largest}`,
          ],
        ];
      }),
    ),
  );
  return tableOf(
    'Membership AUC of half B before anything is zeroed; random sets around their curve',
    'data | group | models | trained, left-out images of a model | AUC [95 %] | standard deviation of random sets | damage of random sets: median, largest',
    rows,
  );
}

/**
 * The planned tests of one plan: Holm corrects over all of them. Room is what the curve leaves at the damage of the set, above 0.5. Power is that of a
 * t test at an effect of -0.05 and the models' standard deviation.
 */
function primaryTable(caption, names) {
  const tests = names.flatMap((name) =>
    MEASURED[name].pairs.flatMap(([minority]) =>
      PRIMARY.map((set) => {
        const models = ofOwn(name, minority);
        const values = excesses(models, minority, set, 3);
        const deviation = summarizeSeeds(values).std;
        const error = deviation / Math.sqrt(values.length);
        const more = 1 - studentt.cdf((mean(values) + MARGIN) / error, values.length - 1);
        return { name, group: MEASURED[name].names[minority], set, models, values, deviation, error, more };
      }),
    ),
  );
  const ps = tests.map(({ values }) => signFlip(values).pValue);
  const [corrected, notMore] = [holm(ps), holm(tests.map(({ more }) => more))];
  const rows = tests.map(({ name, group, set, models, values, deviation, error }, i) => {
    const { interval: range, equivalent } = equivalence(values, MARGIN);
    const below = mean(values) < 0;
    const verdict =
      corrected[i] < 0.05 && below
        ? 'few neurons hold it'
        : equivalent || (ps[i] < 0.05 && !below)
          ? 'they do not'
          : 'open';
    const power = [1, tests.length].map((family) => {
      const [freedom, least] = [values.length - 1, studentt.inv(0.025 / family, values.length - 1)];
      return number(noncentralt.cdf(least, freedom, -MARGIN / error), 2);
    });
    return [
      ...[name, group, set, String(values.length), interval(values)],
      `[${range.map((end) => number(end)).join(', ')}]`,
      ...[ps[i], corrected[i]].map(pText),
      verdict,
      number(mean(measured(models, set, 3, 'curve')) - 0.5),
      number(deviation),
      power.join(', '),
      pText(notMore[i]),
    ];
  });
  return tableOf(
    caption,
    'data | group | neurons by | models | excess [95 %] | 90 % | p | p, Holm | verdict | room | standard deviation | power, alone and in Holm’s first step | p of -0.05 or less, one-sided, Holm (post hoc)',
    rows,
  );
}

/** What three neurons leave of a memory, and what as many random ones leave. */
function equalNumberTable() {
  const rows = Object.entries(MEASURED).flatMap(([name, { names, pairs }]) =>
    pairs.flatMap(([minority]) =>
      PRIMARY.map((set) => {
        const models = ofOwn(name, minority);
        const [left, before] = [measured(models, set, 3, 'auc'), measured(models, 'none', 0, 'auc')];
        const taken = (100 * (mean(before) - mean(left))) / (mean(before) - 0.5);
        const cells = [`same-layers ${set}`, 'whole-model'].flatMap((random) => {
          if (!models[0].rows.some((row) => row.set === random)) return ['', '', ''];
          const others = measured(models, random, 3, 'auc');
          const differences = left.map((value, i) => value - others[i]);
          return [number(mean(others)), interval(differences), pText(signFlip(differences).pValue)];
        });
        return [name, names[minority], set, number(mean(left)), `${number(taken, 0)} %`, ...cells];
      }),
    ),
  );
  return tableOf(
    'Membership AUC left by three neurons, and by as many random ones (not planned)',
    'data | group | neurons by | AUC left | memory taken | random, same layers | difference [95 %] | p | random, whole model | difference [95 %] | p',
    rows,
  );
}

function byCountTable() {
  const rows = Object.entries(MEASURED).flatMap(([name, { names, pairs }]) =>
    pairs.flatMap(([minority, majority]) =>
      [minority, majority].flatMap((group) =>
        SETS.flatMap((set) => {
          const models = ofMinority(name, minority);
          const cells = COUNTS.map((k) => {
            const values = excesses(models, group, set, k);
            return values.length < 2
              ? ''
              : `${interval(values, 2)}${values.length < models.length / 2 ? `, n ${values.length}` : ''}`;
          });
          return cells.some(Boolean) ? [[name, names[group], set, ...cells]] : [];
        }),
      ),
    ),
  );
  return tableOf(
    'Excess by the number of neurons (secondary): means over models, 95 % intervals; n: models whose set is no more damaging than random ones, where fewer than all',
    `data | group | neurons by | ${COUNTS.map((k) => `k = ${k}`).join(' | ')}`,
    rows,
  );
}

/** Rows of a file of results; none if there is no such file. */
function recorded(name) {
  const path = new URL(`../../../studies/membership/results/${name}.csv`, import.meta.url);
  return existsSync(path) ? parse(readFileSync(path), { columns: true }) : [];
}

/** Accuracies of the networks of early.md and vit.md. */
function accuracyTable() {
  const rows = ['early', 'early-birds', 'vit'].flatMap((name) => {
    const models = recorded(`${name}-models`);
    const accuracy = (group, split) =>
      models
        .filter((row) => row.group === String(group) && row.split === split)
        .map((row) => 100 * row.accuracy);
    return MEASURED[name].pairs
      .flat()
      .map((group) => [
        name,
        MEASURED[name].names[group],
        String(accuracy(group, 'train').length),
        ...['train', 'val', 'test'].map((split) => interval(accuracy(group, split), 1)),
      ]);
  });
  return tableOf(
    'Accuracy in percent at the epoch with the best validation worst-group accuracy (early.md) or the last (vit.md): means over models, 95 % intervals',
    'data | group | models | train | val | test',
    rows,
  );
}

/** Fig. 2 of vision transformers. */
function effectsTable() {
  const records = recorded('vit-effects').filter(({ chosenFor }) => chosenFor === '3');
  const rows = ['train', 'test'].flatMap((split) => {
    const own = records.filter((row) => row.split === split);
    if (own.length === 0) return [];
    const points = (value) =>
      interval(
        own.map((row) => 100 * value(row)),
        1,
      );
    return [
      [
        split,
        String(own.length),
        points(({ accuracy3 }) => accuracy3),
        points(({ accuracy2 }) => accuracy2),
        points(({ accuracyInteraction }) => accuracyInteraction),
        points((row) => row.accuracyInteraction - row['same-layers accuracyInteraction']),
      ],
    ];
  });
  return tableOf(
    'Vision transformers with three neurons of the largest gradient on blond men zeroed (vit.md): change of accuracy in points, means over models, 95 % intervals',
    'split | models | blond men | blond women | minority minus majority | minus random sets of the same layers',
    rows,
  );
}

function controlTable() {
  const models = ofOwn('control', 3);
  const rows = [['planted'], ['rewound planted'], ...SETS.map((set) => [set, 3])].map(([set, k]) => {
    const values = excesses(models, 3, set, k);
    const rowOf = (wanted, count) => (model) =>
      model.rows.find((row) => row.set === wanted && (count === undefined || row.k === count));
    const own = models.map(rowOf(set, k));
    const hits = (k === undefined ? [] : [3, 30]).map((count) =>
      models.map((model) => {
        const planted = rowOf('planted')(model).neurons.split(' ');
        const neurons = rowOf(set, count)(model).neurons.split(' ');
        return neurons.filter((neuron) => planted.includes(neuron)).length;
      }),
    );
    return [
      k === undefined ? set : `${set}, k = ${k}`,
      String(values.length),
      ...['auc', 'damage'].map((measure) =>
        interval(
          own.map((row) => row[measure]),
          2,
        ),
      ),
      interval(values),
      pText(signFlip(values).pValue),
      hits.map((counts) => number(mean(counts), 1)).join(', '),
    ];
  });
  return tableOf(
    'The control: twenty neurons that alone learned the minority images in training',
    'neurons | models | AUC of blond men | damage | excess [95 %] | p | planted ones among the first 3, 30',
    rows,
  );
}

/** How often random sets in place of chosen ones give p < 0.05. */
function falseAlarms() {
  const random = randomLcg(0.1);
  const rows = Object.entries(MEASURED).flatMap(([name, { names, pairs }]) =>
    pairs.flatMap(([minority]) => {
      const models = ofOwn(name, minority);
      if (models.length < 5) return [];
      const draws = 2000;
      let found = 0;
      for (let i = 0; i < draws; i += 1) {
        const values = models.map(({ rows: all }) => {
          const own = all.filter((row) => isRandom(row) && row.set !== 'none');
          return own[Math.floor(random() * own.length)].excess;
        });
        if (signFlip(values).pValue < 0.05) found += 1;
      }
      return [[name, names[minority], String(models.length), `${number((100 * found) / draws, 1)} %`]];
    }),
  );
  return tableOf(
    'Random sets in place of chosen ones: how often p is below 0.05',
    'data | group | models | p below 0.05',
    rows,
  );
}

function layersTable() {
  const rows = ['celeba', 'control'].flatMap((name) =>
    MEASURED[name].pairs.flatMap(([minority, majority]) => {
      const models = ofMinority(name, minority);
      const sets = models[0].rows
        .map(({ set }) => set)
        .filter((set) => set.startsWith('rewound') && set.endsWith('to 0'));
      return sets.map((set) => {
        const of = (group, measure) =>
          models
            .filter((model) => model.group === group)
            .map(({ rows: all }) => all.find((row) => row.set === set)[measure]);
        return [
          name,
          MEASURED[name].names[minority],
          set.replace('rewound ', '').replace(' to 0', ''),
          number(mean(of(minority, 'auc')), 2),
          number(mean(of(majority, 'auc')), 2),
          number(mean(of(minority, 'damage')), 2),
          interval(
            of(minority, 'excess').filter((value) => !Number.isNaN(value)),
            2,
          ),
        ];
      });
    }),
  );
  return tableOf(
    'Layers and stages rewound to the initial weights (described)',
    'data | group | layer | AUC, minority | AUC, majority | damage | excess, minority [95 %]',
    rows,
  );
}

console.log(
  '# Tables of "is the memory of minority images in few neurons?"\n\nMade by `node scripts/studies/membership/tables.mjs` from `results/`. [Plan](plan.md).\n',
);
console.log(
  [
    baseTable(),
    accuracyTable(),
    effectsTable(),
    controlTable(),
    falseAlarms(),
    primaryTable(
      'Planned tests: excess of three neurons’ membership AUC over random sets of the same damage, minority groups; Holm over nine',
      ['celeba', 'birds'],
    ),
    primaryTable(
      'The same of CelebA’s networks chosen by their worst validation group (early.md); Holm over three',
      ['early'],
    ),
    primaryTable(
      'The same of the birds’ networks chosen by their worst validation group (early.md); Holm over six',
      ['early-birds'],
    ),
    primaryTable('The same of vision transformers (vit.md); Holm over three', ['vit']),
    equalNumberTable(),
    byCountTable(),
    layersTable(),
  ]
    .filter(({ rows }) => rows.length > 0)
    .map(markdownOf)
    .join('\n\n'),
);
