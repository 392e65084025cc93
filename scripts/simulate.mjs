// Simulates the tests and intervals of src/metrics with known truths: node scripts/simulate.mjs, after npm run build.
// Takes some minutes; docs/reliability.md has its output.
import Table from 'cli-table3';
import {
  accuracyCoverage,
  changeCoverage,
  meanCoverage,
  seedCoverage,
} from '../bench/dist/simulation/coverage.js';
import { distributions } from '../bench/dist/simulation/distributions.js';
import { power } from '../bench/dist/simulation/power.js';
import { seedTests } from '../bench/dist/simulation/seedTests.js';
import { kolmogorovSmirnov, uniformity } from '../bench/dist/simulation/uniformity.js';

const SIZES = [56, 184, 1000];
const RULE = { exceedances: 10, nullDraws: 1000 };
const LEVELS = [0.05, 0.005];

const percent = (share) => (100 * share).toFixed(1);
const range = ({ mean, low, high }) => `${percent(mean)} (${percent(low)} to ${percent(high)})`;

function print(title, head, rows) {
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  console.log(`\n${title}\n${table.toString()}`);
}

print(
  'Coverage of the interval of an accuracy in % (exact): mean over shares within 2.5 points, lowest and highest',
  ['share', ...SIZES.map((size) => `n = ${size}`)],
  [0.5, 0.6, 0.7, 0.8, 0.9, 0.95].map((share) => [
    share,
    ...SIZES.map((size) => range(accuracyCoverage(size, share))),
  ]),
);

const flips = [
  [0.01, 0],
  [0.02, 0.02],
  [0.05, 0],
  [0.05, 0.02],
  [0.1, 0],
  [0.1, 0.05],
  [0.2, 0.1],
  [0.3, 0],
];
print(
  'Coverage of the interval of a paired change in % (exact): mean over shares within 25 %, lowest and highest',
  ['lost, gained', ...SIZES.map((size) => `n = ${size}`)],
  flips.map(([lost, gained]) => [
    `${lost}, ${gained}`,
    ...SIZES.map((size) => range(changeCoverage(size, lost, gained))),
  ]),
);

print(
  'Coverage of the t interval of a mean in %: 20,000 samples',
  ['values', ...SIZES.map((size) => `n = ${size}`)],
  distributions(0.1).map((values) => [
    values.name,
    ...SIZES.map((size) => percent(meanCoverage(values, size, 20_000))),
  ]),
);

print(
  'Coverage of the intervals over 10 seeds in %: 4,000 studies',
  ['differences', "Student's t", 'studentized bootstrap'],
  distributions(0.2).map((differences) => {
    const { t, bootstrap } = seedCoverage(differences, 10, 4000);
    return [differences.name, percent(t), percent(bootstrap)];
  }),
);

const [normal] = distributions(0.3);
const studies = 2000;
print(
  `Tests over seeds at 5 %: % of ${studies} studies; differences with a standard deviation of 1, margin 1`,
  ['differences', 'seeds', 'mean', 't-test', 'sign-flip', 'equivalent'],
  [
    ...distributions(0.4).map((differences) => [differences, 10, 0]),
    ...[5, 10, 20].flatMap((seeds) => [
      [normal, seeds, 1],
      [normal, seeds, 0],
    ]),
  ].map(([differences, seeds, difference]) => {
    const found = seedTests(differences, { seeds, difference, margin: 1 }, studies);
    return [
      differences.name,
      seeds,
      difference,
      percent(found.t),
      percent(found.signFlip),
      percent(found.equivalent),
    ];
  }),
);

const runs = 10_000;
const deviation = ({ above, below }) => `+${above.toFixed(4)} -${below.toFixed(4)}`;
print(
  `Monte Carlo p-values under the null, ${runs} tests: how far the share of p <= a lies above and below a; a set in a hundred of uniform p is off by ${kolmogorovSmirnov(runs).toFixed(4)}`,
  ['draws', 'rule: exceedances, most draws', 'two-sided', 'drop', 'draws on the mean'],
  [
    ...distributions(0.5),
    {
      name: 'changes of 56 examples (ties)',
      draw: () => Math.round(1.5 * normal.draw()) / 56,
    },
  ].flatMap((values) =>
    [RULE, { exceedances: 1000, nullDraws: 199 }].map((rule) => {
      const found = uniformity(values.draw, rule, runs);
      return [
        values.name,
        `${rule.exceedances}, ${rule.nullDraws}`,
        deviation(found.pValue),
        deviation(found.pDrop),
        found.draws.toFixed(0),
      ];
    }),
  ),
);

print(
  `Power in % of a drop of 5 points against random neurons, by accuracy / by margin: 400 tests of at most ${RULE.nullDraws} draws`,
  [
    'drop',
    'n',
    'accuracy',
    'spread',
    ...LEVELS.flatMap((level) => [`drop, p <= ${level}`, `two-sided, p <= ${level}`]),
  ],
  [0.05, 0].flatMap((drop) =>
    [56, 184].flatMap((examples) =>
      [0.7, 0.9].flatMap((accuracy) =>
        (drop === 0 ? [0.5] : [0.25, 0.5]).map((spread) => [
          100 * drop,
          examples,
          accuracy,
          spread,
          ...power({ examples, accuracy, drop, spread }, RULE, LEVELS, 400, 0.6).flatMap((found) =>
            [found.drop, found.twoSided].map((by) => `${percent(by.accuracy)} / ${percent(by.margin)}`),
          ),
        ]),
      ),
    ),
  ),
);
