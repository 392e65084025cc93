// The tables of studies/membership from its records, in Markdown: node scripts/studies/membership/tables.mjs > studies/membership/tables.md
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { randomLcg } from 'd3-random';
import { markdownOf } from '#src/cli/textTable.js';
import { equivalence } from '#src/metrics/equivalence.js';
import { holm } from '#src/metrics/holm.js';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { mean, quantile } from '#src/metrics/statistics.js';
import { tableOf } from '../tableOf.mjs';

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
/** What is measured, by its file of records. With fewer models than `planned` nothing is said of neurons. New data go last, so that random draws of the others stay. */
const MEASURED = {
  celeba: { ...CELEBA, planned: 20 },
  control: { ...CELEBA, planned: 10 },
  early: { ...CELEBA, planned: 10 },
  birds: { ...BIRDS, planned: 20 },
  'early-birds': { ...BIRDS, planned: 10 },
  vit: { ...CELEBA, planned: 10 },
};

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
const isWhole = (name, minority) => ofOwn(name, minority).length >= MEASURED[name].planned;

function baseTable() {
  const rows = Object.entries(MEASURED).flatMap(([name, { names, pairs }]) =>
    pairs.flatMap(([minority, majority]) =>
      [minority, majority].flatMap((group) => {
        const own = ofMinority(name, minority).filter((model) => model.group === group);
        if (own.length === 0) return [];
        const random = own.map(({ rows: all }) => all.filter(isRandom));
        const spread = random.map((all) => Math.sqrt(mean(all.map(({ excess }) => excess ** 2))));
        const [first] = own[0].rows;
        return [
          [
            name,
            `${names[group]}${group === minority ? '*' : ''}`,
            String(own.length),
            `${first.trained}, ${first.leftOut}`,
            interval(
              own.map(({ rows: all }) => all.find(({ set }) => set === 'none').auc),
              2,
            ),
            number(mean(spread)),
            `${number(
              mean(
                random.map((all) =>
                  quantile(
                    all.map(({ damage }) => damage),
                    0.5,
                  ),
                ),
              ),
              2,
            )}, ${number(mean(random.map((all) => Math.max(...all.map(({ damage }) => damage)))), 2)}`,
          ],
        ];
      }),
    ),
  );
  return tableOf(
    'Membership AUC of half B before anything is zeroed; random sets around their curve',
    [
      'data',
      'group',
      'models',
      'trained, left-out images of a model',
      'AUC [95 %]',
      'standard deviation of random sets',
      'damage of random sets: median, largest',
    ],
    rows,
  );
}

/** The planned tests of one plan: Holm corrects over all of them. */
function primaryTable(caption, names) {
  const tests = names.flatMap((name) =>
    MEASURED[name].pairs.flatMap(([minority]) =>
      PRIMARY.map((set) => ({
        name,
        minority,
        set,
        values: excesses(ofMinority(name, minority), minority, set, 3),
      })),
    ),
  );
  const ps = tests.map(({ name, minority, values }) =>
    isWhole(name, minority) ? signFlip(values).pValue : 1,
  );
  const corrected = holm(ps);
  const rows = tests.map(({ name, minority, set, values }, i) => {
    if (!isWhole(name, minority))
      return [
        name,
        MEASURED[name].names[minority],
        set,
        '',
        `not all ${MEASURED[name].planned} measured`,
        '',
        '',
        '',
        '',
      ];
    const { interval: range, equivalent } = equivalence(values, MARGIN);
    const below = mean(values) < 0;
    const isShown = corrected[i] < 0.05;
    const verdict =
      isShown && below
        ? 'few neurons hold it'
        : equivalent || (ps[i] < 0.05 && !below)
          ? 'they do not'
          : 'open';
    return [
      name,
      MEASURED[name].names[minority],
      set,
      String(values.length),
      interval(values),
      `[${range.map((end) => number(end)).join(', ')}]`,
      pText(ps[i]),
      pText(corrected[i]),
      verdict,
    ];
  });
  return tableOf(
    caption,
    ['data', 'group', 'neurons by', 'models', 'excess [95 %]', '90 %', 'p', 'p, Holm', 'verdict'],
    rows,
  );
}

function byCountTable() {
  const rows = Object.entries(MEASURED).flatMap(([name, { names, pairs }]) =>
    pairs.flatMap(([minority, majority]) =>
      [minority, majority].flatMap((group) =>
        SETS.flatMap((set) => {
          const models = ofMinority(name, minority);
          if (!isWhole(name, minority)) return [];
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
    ['data', 'group', 'neurons by', ...COUNTS.map((k) => `k = ${k}`)],
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
    if (models.length === 0) return [];
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
    ['data', 'group', 'models', 'train', 'val', 'test'],
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
    [
      'split',
      'models',
      'blond men',
      'blond women',
      'minority minus majority',
      'minus random sets of the same layers',
    ],
    rows,
  );
}

function controlTable() {
  const models = ofMinority('control', 3);
  const rows = ['planted', 'rewound planted'].flatMap((set) => {
    const values = excesses(models, 3, set);
    if (values.length < 2) return [];
    const own = models
      .filter(({ group }) => group === 3)
      .map(({ rows: all }) => all.find((row) => row.set === set));
    return [
      [
        set,
        String(values.length),
        interval(
          own.map(({ auc }) => auc),
          2,
        ),
        interval(
          own.map(({ damage }) => damage),
          2,
        ),
        interval(values),
        pText(signFlip(values).pValue),
      ],
    ];
  });
  return tableOf(
    'The control: twenty neurons that alone learned the minority images in training',
    ['neurons', 'models', 'AUC of blond men', 'damage', 'excess [95 %]', 'p'],
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
    ['data', 'group', 'models', 'p below 0.05'],
    rows,
  );
}

function layersTable() {
  const rows = ['celeba', 'birds'].flatMap((name) =>
    MEASURED[name].pairs.flatMap(([minority, majority]) => {
      const models = ofMinority(name, minority);
      const [first] = models;
      if (first === undefined) return [];
      const sets = first.rows
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
    ['data', 'group', 'layer', 'AUC, minority', 'AUC, majority', 'damage', 'excess, minority [95 %]'],
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
      'Planned tests: excess of three neurons’ membership AUC over random sets of the same damage, minority groups; Holm over nine, p of what is not wholly measured taken as 1',
      ['celeba', 'birds'],
    ),
    primaryTable(
      'The same of CelebA’s networks chosen by their worst validation group (early.md); Holm over three, once all ten are measured',
      ['early'],
    ),
    primaryTable(
      'The same of the birds’ networks chosen by their worst validation group (early.md); Holm over six, once all ten are measured',
      ['early-birds'],
    ),
    primaryTable('The same of vision transformers (vit.md); Holm over three, once all ten are measured', [
      'vit',
    ]),
    byCountTable(),
    layersTable(),
  ]
    .filter(({ rows }) => rows.length > 0)
    .map(markdownOf)
    .join('\n\n'),
);
