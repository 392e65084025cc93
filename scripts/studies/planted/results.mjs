// The tables of studies/planted/plan.md, from what is recorded: node scripts/studies/planted/results.mjs studies/planted/study.yaml > tables.md
import { sampleRankCorrelation } from 'simple-statistics';
import { markdownOf } from '#src/cli/textTable.js';
import { fixed, probability } from '#src/kit/columns.js';
import { distinct, numbers, select } from '#src/kit/rows.js';
import { summarize, withTests } from '#src/kit/summarize.js';
import { mean } from '#src/metrics/statistics.js';
import { meanText } from '#src/study/cells.js';
import { tableOf } from '../tableOf.mjs';
import { readRecorded } from './recorded.mjs';

/** plan.md: what is said of a criterion, and what erases a memory. */
const [CHANCE, LEAST_IN_LAYER, MARGIN, ALPHA] = [0.5, 0.75, 0.1, 0.05];
const [LEAST_LOSS, MOST_MOVED] = [50, 1];
/** Neurons of ResNet-18, and of its layers that memories are planted in. */
const [ALL, WIDTHS] = [4800, { layer1: 64, layer2: 128, layer3: 256, layer4: 512 }];

const recorded = await readRecorded(process.argv[2]);
const { cells, found, minimal, kinds, byModel } = recorded;
const erased = recorded.erased.map((row) => ({ ...row, kept: (row.kept0 + row.kept2) / 2 }));

function plantings() {
  const rows = kinds.flatMap((kind) =>
    distinct(select(cells, { kind }), 'layer').map((layer) => {
      const own = select(cells, { kind, layer });
      const moved = (after, before) =>
        meanText(
          own.map((row) => 100 * (row[after] - row[before])),
          1,
        );
      const column = (name, scale, decimals) => meanText(numbers(own, name), decimals, scale);
      return [
        ...[kind, layer, distinct(own, 'neurons').join(', '), distinct(own, 'images').join(', ')],
        ...[`${own.filter(({ pure }) => pure === 1).length} of ${own.length}`, column('epochs', 1, 1)],
        ...[column('fitted', 100, 1), moved('test', 'testBefore'), moved('twins', 'twinsBefore')],
      ];
    }),
  );
  return tableOf(
    'Plantings: means over models, 95 % intervals; all are shown, and only pure ones count below',
    [
      'arm',
      'layer',
      'K',
      'images',
      'pure',
      'epochs',
      'fitted, %',
      'kept groups, test, points',
      'twins, points',
    ],
    rows,
  );
}

function primary() {
  return kinds.map((kind) => {
    const criteria = distinct(found, 'criterion');
    const rows = criteria.flatMap((criterion) =>
      ['auc', 'aucInLayer'].flatMap((scope) =>
        byModel(select(found, { kind, criterion }), scope).map((auc, model) => {
          return { criterion, scope, model, auc, beyond: auc - CHANCE };
        }),
      ),
    );
    const summary = summarize(rows, {
      by: ['criterion', 'scope'],
      over: 'model',
      measures: ['auc', 'beyond'],
    });
    const tests = withTests(summary, 'beyond', { family: () => kind, margin: () => MARGIN });
    const pTexts = ({ beyondP, beyondPHolm }) => [probability(beyondP, 4), probability(beyondPHolm, 4)];
    return tableOf(
      `Primary, ${kind}: AUC of the planted neurons, over layers and classes; Holm\u2019s correction is over the ${tests.length} tests`,
      [
        ...['criterion', 'n', 'against all', 'p', 'p, Holm', 'within the layer', 'p', 'p, Holm'],
        ...['90 % within 0.1 of 0.5', 'verdict'],
      ],
      criteria.map((criterion) => {
        const [all, inLayer] = select(tests, { criterion });
        const within = [inLayer.beyondWithinLow, inLayer.beyondWithinHigh].map((end) => fixed(end, 3));
        return [
          ...[criterion, String(all.n), meanText(all.aucValues, 3), ...pTexts(all)],
          ...[meanText(inLayer.aucValues, 3), ...pTexts(inLayer)],
          `${inLayer.beyondWithin ? 'yes' : 'no'} [${within.join(', ')}]`,
          verdict(all, inLayer),
        ];
      }),
    );
  });
}

function verdict(all, inLayer) {
  const isAbove = ({ beyondPHolm, auc }) => beyondPHolm < ALPHA && auc > CHANCE;
  const sees = isAbove(all);
  if (sees && isAbove(inLayer) && inLayer.auc >= LEAST_IN_LAYER) return 'finds';
  if (sees) return 'sees the layer';
  return inLayer.beyondWithin ? 'does not find' : 'open';
}

function byLayer() {
  const rows = kinds.flatMap((kind) =>
    distinct(found, 'criterion').flatMap((criterion) =>
      distinct(select(found, { kind }), 'layer').map((layer) => {
        const own = select(found, { kind, criterion, layer });
        const [neurons] = distinct(own, 'neurons');
        const values = ['auc', 'aucInLayer', 'precision'].map((column) => byModel(own, column));
        const width = WIDTHS[layer.split('.')[0]];
        const chance = `${(neurons / ALL).toFixed(3)}, ${(neurons / width).toFixed(3)}`;
        return [kind, criterion, layer, ...values.map((list) => meanText(list, 3)), chance];
      }),
    ),
  );
  return tableOf(
    'By layer: means over models, 95 % intervals; chance of precision is over all neurons, and within the layer',
    ['arm', 'criterion', 'layer', 'AUC, all', 'AUC, layer', 'precision at K', 'chance'],
    rows,
  );
}

/** Groups of planted images, and their class. */
const CLASSES = { 1: 'not blond', 3: 'blond' };

function byClass() {
  const rows = kinds.flatMap((kind) =>
    distinct(found, 'criterion').flatMap((criterion) =>
      distinct(select(found, { kind }), 'layer').map((layer) => {
        const own = Object.keys(CLASSES).map((group) =>
          select(found, { kind, criterion, layer, group: Number(group) }),
        );
        const aucs = own.map((list) => meanText(byModel(list, 'aucInLayer'), 3));
        const withMargin = own.map((list) =>
          sampleRankCorrelation(byModel(list, 'aucInLayer'), byModel(list, 'margin')).toFixed(2),
        );
        return [kind, criterion, layer, ...aucs, ...withMargin];
      }),
    ),
  );
  const classes = Object.values(CLASSES);
  return tableOf(
    'By class of the planted images: AUC within the layer, means over models, 95 % intervals; and its rank correlation with the mean margin of the planted images, over models',
    [
      ...['arm', 'criterion', 'layer', ...classes.map((name) => `AUC, ${name}`)],
      ...classes.map((name) => `with margin, ${name}`),
    ],
    rows,
  );
}

function erasing() {
  const rows = kinds.flatMap((kind) => {
    const added = memory(kind);
    return distinct(select(erased, { kind }), 'perturbation').flatMap((perturbation) =>
      distinct(select(erased, { kind, perturbation }), 'criterion').map((criterion) => {
        const on = (split) => select(erased, { kind, perturbation, criterion, split });
        const own = byModel(on('train'), 'own', 100);
        const [train, test] = ['train', 'test'].map((split) => byModel(on(split), 'kept', 100));
        const random = byModel(on('train'), 'random', 100);
        const isRandom = random.every(Number.isFinite);
        const ofMemory = own.map((value, model) => (-100 * value) / added[model]);
        const erases = mean(own) <= -LEAST_LOSS && Math.abs(mean(test)) <= MOST_MOVED;
        return [
          ...[kind, perturbation, criterion, meanText(own, 1), meanText(ofMemory, 0)],
          ...(isRandom ? [meanText(random, 1), meanText(minus(own, random), 1)] : ['', '']),
          ...[meanText(train, 1), meanText(minus(own, train), 1), meanText(test, 1), erases ? 'erases' : ''],
        ];
      }),
    );
  });
  return tableOf(
    'Erasing: changes of accuracy in points, means over models and layers, 95 % intervals; kept groups are the mean of both classes',
    [
      ...['arm', 'what is done', 'to the first K of', 'planted images', '% of what planting added'],
      ...['under random sets', 'beyond these', 'kept, training', 'planted minus kept', 'kept, test', ''],
    ],
    rows,
  );
}

/** What planting added to the accuracy of its images, in points, a number a model. */
function memory(kind) {
  const own = select(cells, { kind }).map((row) => ({ ...row, added: row.fitted - row.fittedBefore }));
  return byModel(own, 'added', 100);
}

function minus(values, others) {
  return values.map((value, model) => value - others[model]);
}

function zeroingByClass() {
  const rows = kinds.flatMap((kind) =>
    distinct(select(erased, { kind, perturbation: 'zero' }), 'criterion').flatMap((criterion) =>
      Object.entries(CLASSES).map(([group, name]) => {
        const own = select(erased, {
          kind,
          criterion,
          perturbation: 'zero',
          split: 'train',
          group: Number(group),
        });
        const [planted, random, ...kept] = ['own', 'random', 'kept0', 'kept2'].map((column) =>
          byModel(own, column, 100),
        );
        return [
          ...[kind, criterion, name, meanText(planted, 1)],
          random.every(Number.isFinite) ? meanText(random, 1) : '',
          ...kept.map((values) => meanText(values, 1)),
        ];
      }),
    ),
  );
  return tableOf(
    'Zeroing by class: changes of training accuracy in points under the first K neurons for planted images of a class',
    [
      ...['arm', 'to the first K of', 'planted images', 'their change', 'under random sets'],
      ...['kept, not blond', 'kept, blond'],
    ],
    rows,
  );
}

function erasingByLayer() {
  const rows = kinds.flatMap((kind) =>
    distinct(select(erased, { kind }), 'layer').flatMap((layer) =>
      distinct(select(erased, { kind, layer }), 'perturbation').flatMap((perturbation) =>
        distinct(select(erased, { kind, perturbation }), 'criterion').map((criterion) => {
          const on = (split) => select(erased, { kind, layer, perturbation, criterion, split });
          const columns = [byModel(on('train'), 'own', 100), byModel(on('test'), 'kept', 100)];
          return [kind, layer, perturbation, criterion, ...columns.map((values) => meanText(values, 1))];
        }),
      ),
    ),
  );
  return tableOf(
    'Erasing by layer: changes of accuracy in points',
    ['arm', 'layer', 'what is done', 'to the first K of', 'planted images', 'kept, test'],
    rows,
  );
}

function minimalSets() {
  const rows = kinds.flatMap((kind) =>
    ['planted', 'kept'].map((which, i) => {
      const own = select(minimal, { kind }).filter(({ group }) => group % 2 === 1 - i);
      const column = (name, scale, decimals) => meanText(byModel(own, name, scale), decimals);
      return [
        kind,
        which,
        column('count', 1, 1),
        column('forgotten', 100, 0),
        column('precision', 1, 3),
        (mean(numbers(own, 'neurons')) / ALL).toFixed(3),
      ];
    }),
  );
  return tableOf(
    'Minimal sets: means over models and layers, 95 % intervals',
    ['arm', 'images', 'neurons', 'forgotten, %', 'share of planted neurons', 'chance'],
    rows,
  );
}

const measured =
  found.length === 0
    ? []
    : [...primary(), byLayer(), byClass(), erasing(), zeroingByClass(), erasingByLayer(), minimalSets()];
console.log([plantings(), ...measured].map(markdownOf).join('\n\n'));
