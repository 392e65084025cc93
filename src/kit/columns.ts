import type { NullName } from '../neurons/nulls.js';

/** The sign for a missing number: NaN is never printed. */
export const MISSING = '–';

/** The mark of a number that is unlike those of random neurons, by an uncorrected p of at most `MARKED_P`; a star would say "minority group". */
export const MARK = '†';
export const MARKED_P = 0.05;

/** A number with a fixed number of decimals; never `-0.00`, and a dash for what is not a finite number. */
export function fixed(value: number | null | undefined, decimals: number): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return MISSING;
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** A p-value, or one digit of a smaller one: never 0, which none of them is. */
export function probability(value: number | null | undefined, decimals = 3): string {
  const isSmall = typeof value === 'number' && value > 0 && value < 0.5 * 10 ** -decimals;
  return isSmall ? value.toPrecision(1) : fixed(value, decimals);
}

/** A unit's factor and decimals. Accuracies and their changes are fractions, shown in percent or points. */
const UNITS = {
  percent: { scale: 100, decimals: 1, name: '%' },
  points: { scale: 1, decimals: 1, name: 'points' },
  logits: { scale: 1, decimals: 3, name: 'logits' },
  nats: { scale: 1, decimals: 3, name: 'nats' },
} as const;
export type Unit = keyof typeof UNITS;

export interface Column {
  readonly label: string;
  /** Settings have none, and are written as they are. `row`: the unit that the row names in its column `unit`. */
  readonly unit?: Unit | 'row' | 'number';
  /** Fewer or more than the unit's. */
  readonly decimals?: number;
  /** Gains have a plus sign. */
  readonly signed?: true;
}

const FINE = { unit: 'percent', decimals: 2 } as const;
const LOGITS = { unit: 'logits', decimals: 2 } as const;
const PERCENT = { unit: 'percent' } as const;

const SETTINGS = {
  among: { label: 'among' },
  arm: { label: 'arm' },
  benchmark: { label: 'benchmark' },
  chosenBy: { label: 'chosen by' },
  chosenFor: { label: 'chosen for' },
  configuration: { label: 'configuration' },
  criterion: { label: 'criterion' },
  entry: { label: 'entry' },
  epoch: { label: 'epoch' },
  group: { label: 'group' },
  k: { label: 'k' },
  kind: { label: 'kind of group' },
  layer: { label: 'layer' },
  limit: { label: 'margin' },
  models: { label: 'models' },
  n: { label: 'n' },
  name: { label: 'name' },
  neuron: { label: 'neuron' },
  neurons: { label: 'neurons' },
  null: { label: 'random neurons' },
  perturbation: { label: 'perturbation' },
  precision: { label: 'precision' },
  pure: { label: 'pure' },
  question: { label: 'question' },
  rankedBy: { label: 'ranked by' },
  reading: { label: 'reading' },
  run: { label: 'run' },
  seed: { label: 'seed' },
  settings: { label: 'settings' },
  series: { label: 'series' },
  sigma: { label: 'standard deviation' },
  split: { label: 'split' },
  stage: { label: 'models' },
  verdict: { label: 'verdict' },
} as const satisfies Readonly<Record<string, Column>>;

const POINTS = { ...FINE, signed: true } as const;
const SHARE = { unit: 'number', decimals: 3 } as const;
const COUNT = { unit: 'number', decimals: 0 } as const;

const MEASURES = {
  correct: { label: 'correct', ...COUNT },
  total: { label: 'examples', ...COUNT },
  lost: { label: 'became wrong', ...COUNT },
  needed: { label: 'median neurons', unit: 'number', decimals: 1 },
  neededMean: { label: 'mean', unit: 'number', decimals: 1 },
  gained: { label: 'became right', ...COUNT },
  flipped: { label: 'flipped', ...FINE },
  score: { label: 'score', unit: 'number', decimals: 4 },
  baseline: { label: 'before', ...FINE },
  baselineMargin: { label: 'margin before', ...LOGITS },
  excess: { label: 'beyond random neurons, points', ...POINTS },
  dataLoss: { label: 'loss', unit: 'nats' },
  accuracy: { label: 'accuracy', ...PERCENT },
  accuracyInteraction: { label: 'accuracy interaction', ...PERCENT },
  marginInteraction: { label: 'margin interaction', ...LOGITS },
  lossInteraction: { label: 'loss interaction', unit: 'nats', decimals: 2 },
  change: { label: 'change, points', ...POINTS },
  marginChange: { label: 'margin', unit: 'logits' },
  lossChange: { label: 'loss', unit: 'nats' },
  sameLayersMarginExcess: { label: 'margin beyond same layers', unit: 'logits' },
  wholeModelMarginExcess: { label: 'margin beyond whole model', unit: 'logits' },
  own: { label: 'own margin', ...LOGITS },
  startMargin: { label: 'mean', ...LOGITS },
  startTenth: { label: 'a tenth has less than', ...LOGITS },
  gap: { label: 'gap', unit: 'points' },
  points: { label: 'points', unit: 'points' },
  logits: { label: 'logits', unit: 'logits' },
  slope: { label: 'slope, logits per 10 points', unit: 'logits' },
  percentile: { label: 'mean percentile', unit: 'number', decimals: 1 },
  top5: { label: 'share in the top 5 %', unit: 'number', decimals: 2 },
  top50: { label: 'share above the median', unit: 'number', decimals: 2 },
  value: { label: 'mean [95 %]', unit: 'row' },
  pooled: { label: 'pooled interaction [95 %]', unit: 'row' },
  worst: { label: 'test worst group', ...PERCENT },
  valWorstGroupAccuracy: { label: 'validation, worst group', ...FINE },
  testWorstGroupAccuracy: { label: 'test, worst group', ...FINE },
  testAverage: { label: 'test, average', ...FINE },
  testWorstMinusFirst: { label: 'difference', ...FINE },
  pooledWorst: { label: 'pooled worst group', ...PERCENT },
  ofBenchmarks: { label: 'over benchmarks [95 %]', ...PERCENT },
  validation: { label: 'validation worst group', ...PERCENT },
  core: { label: 'core’s share of the image', ...PERCENT },
  images: { label: 'images', ...COUNT },
  rightIn: { label: 'right, trained on', ...PERCENT },
  rightOut: { label: 'right, left out', ...PERCENT },
  memorization: { label: 'memorization, points', ...PERCENT },
  memorized: { label: 'images above 0.5', ...COUNT },
  memorizedAuc: { label: 'AUC of memorized images', ...SHARE },
  compared: { label: 'images compared', ...COUNT },
  others: { label: 'others', ...COUNT },
  beyondOthers: { label: 'difference', ...LOGITS },
  otherChange: { label: 'of the others', ...LOGITS },
  beforeShare: { label: 'before', ...FINE },
  afterShare: { label: 'after', ...FINE },
  beforeBlank: { label: 'without heat, before', ...COUNT },
  afterBlank: { label: 'without heat, after', ...COUNT },
  before: { label: 'ERM', ...PERCENT },
  after: { label: 'arm', ...PERCENT },
  difference: { label: 'difference, points', ...PERCENT },
} as const satisfies Readonly<Record<string, Column>>;

/** Nulls as columns begin with them; `random` in rows that name their null in a column. */
const STARTS = ['sameLayers', 'wholeModel', 'sameMagnitude', 'random'] as const;
const COMPARED_OUTCOMES = { Accuracy: POINTS, Margin: LOGITS, Loss: { unit: 'nats' } } as const;

/** Columns of random neurons' outcomes, such as their mean, `sameLayersAccuracyMean`. P-values are `sameLayersAccuracyP` and `…PDrop`. */
type Compared = `${(typeof STARTS)[number]}${keyof typeof COMPARED_OUTCOMES}${'' | 'Mean'}`;
const COMPARED = Object.fromEntries(
  STARTS.flatMap((start) =>
    Object.entries(COMPARED_OUTCOMES).flatMap(([outcome, style]) => [
      [`${start}${outcome}`, { ...style, label: 'p' }],
      [`${start}${outcome}Mean`, { ...style, label: 'random neurons' }],
    ]),
  ),
) as Readonly<Record<Compared, Column>>;

/** The dictionary: what each table says about a column. */
const COLUMNS: Readonly<Record<string, Column>> = { ...SETTINGS, ...COMPARED, ...MEASURES };

type Measure = keyof typeof MEASURES | Compared;
/** A measure of one group: `accuracy3` is the accuracy of group 3, or its change. */
type GroupColumn = `${'accuracy' | 'group' | 'testAccuracy'}${number}`;
/** A margin beyond random neurons. */
export type BeyondColumn = `${'interaction' | 'own'} beyond ${NullName}`;

/** The names that tables know: settings, measures, and what `summarize` and `withTests` add to a measure. */
export type ColumnName =
  | keyof typeof SETTINGS
  | Measure
  | GroupColumn
  | BeyondColumn
  | `${Measure}${'P' | 'PHolm' | 'PDrop' | 'Within' | 'Values'}`;

/** What is shown of a measure: its mean and interval, a p-value, whether it is within a margin, or the mean and each replicate. */
type View = 'P' | 'PHolm' | 'PDrop' | 'Within' | 'Values' | 'estimate';
const VIEW_LABELS = {
  P: 'p',
  PHolm: 'p, Holm',
  PDrop: 'p of a drop',
  Within: '90 % within the margin',
} as const;

/** A column's entry in the dictionary, the measure that it shows, and what of it. */
export function columnNamed(name: ColumnName): Column & { readonly measure: string; readonly view: View } {
  const known = COLUMNS[name];
  if (known) return { ...known, measure: name, view: 'estimate' };
  const [, measure = name, view = 'estimate'] = /^(\w+?)(P|PHolm|PDrop|Within|Values)$/.exec(name) ?? [];
  const base = COLUMNS[measure];
  if (base) {
    const label = VIEW_LABELS[view as keyof typeof VIEW_LABELS] as string | undefined;
    return { ...base, label: label ?? base.label, measure, view: view as View };
  }
  const [, group] = /^[a-zA-Z]+(\d+)$/.exec(name) ?? [];
  if (group !== undefined) {
    const style = name.startsWith('testAccuracy') ? FINE : PERCENT;
    return { label: `G${group}`, ...style, measure: name, view: 'estimate' };
  }
  return { label: name, ...LOGITS, measure: name, view: 'estimate' };
}

function styleOf(unit: unknown) {
  return (UNITS[unit as Unit] as (typeof UNITS)[Unit] | undefined) ?? { scale: 1, decimals: 2, name: '' };
}

/** A number in its unit. */
export function written(value: number, { unit, decimals, signed }: Column, rowUnit?: unknown): string {
  const style = styleOf(unit === 'row' ? rowUnit : unit);
  const text = fixed(style.scale * value, decimals ?? style.decimals);
  return signed && value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A measure's number in the unit that readers see. */
export function scaled(value: number, name: ColumnName): number {
  return styleOf(columnNamed(name).unit).scale * value;
}

/** The title of an axis: `accuracy (%)`; a label that names its unit stays as it is. */
export function axisTitle(name: ColumnName): string {
  const { label, unit } = columnNamed(name);
  const { name: unitName } = styleOf(unit);
  return ['', label].includes(unitName) || label.includes(', ') ? label : `${label} (${unitName})`;
}
