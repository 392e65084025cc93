import type { StudyArm, StudyErm, StudyFinetune } from '../experiments/studyArm.js';
import { MASK_CRITERIA, MASK_GRADIENT_SOURCES, SUPERVISED_LOSSES } from '../train/finetuneWords.js';
import { ARTICLE_ERM } from '../train/ermRecipes.js';
import { RELEASED_FINETUNE } from '../train/finetuneRecipes.js';

/** Figures and tables of the article's Part II, and the effect of the published code's departures. */
export const PART2 = [
  'fig6',
  'table4',
  'table5',
  'table6',
  'table7',
  'table8',
  'table9',
  'table10',
  'table12',
  'baselines',
  'departures',
] as const;
export type Part2Study = (typeof PART2)[number];

/** What a study varies. */
export interface StudyPlan {
  readonly title: string;
  readonly arms: readonly StudyArm[];
  /** The arm that is compared with every other one. */
  readonly focus?: string;
}

/** Values of fine-tuning's settings, by name; their combinations are the arms. */
export type StudyGrid = { readonly [Name in keyof StudyFinetune]?: readonly StudyFinetune[Name][] };

/** The run that fine-tuning starts from: every study's reference. */
export const ERM_ARM: StudyArm = { name: 'ERM' };
export const FINETUNED = 'fine-tuned';

/**
 * What the article does not have: which part of fine-tuning brings the gain. Continued training gets the same epochs; the
 * contrastive loss without a mask, and with a mask of random neurons, lacks what the article holds responsible.
 */
export const ATTRIBUTION_CONTROLS: readonly StudyArm[] = [
  { name: 'continued, cross-entropy', finetune: { contrast: false, supervised: 'cross-entropy' } },
  { name: 'continued, supervised loss alone', finetune: { contrast: false } },
  { name: 'contrast, no mask', finetune: { criterion: 'none' } },
  { name: 'contrast, random mask', finetune: { criterion: 'random' } },
];

/** The kick-in epochs of Table 5, as shares of the article's 100 epochs of ERM. */
const KICK_IN = [0.3, 0.4, 0.5, 0.6];

/**
 * The article's ablations. Where it gives no values, these surround its default.
 *
 * @param erm of the study: its epochs, and whether there are weights to leave out
 */
export function part2Plans(erm: StudyErm = {}): Record<Part2Study, StudyPlan> {
  const kickInEpoch = kickInEpochs(erm);
  const attribution: StudyPlan = {
    title: 'ERM, attribution controls, and fine-tuning',
    arms: [ERM_ARM, ...ATTRIBUTION_CONTROLS, { name: FINETUNED, finetune: {} }],
    focus: FINETUNED,
  };
  return {
    fig6: attribution,
    table4: gridPlan('Supervised loss', { supervised: SUPERVISED_LOSSES }),
    table5: gridPlan('Kick-in epoch', { kickInEpoch }),
    table6: gridPlan('Number of fine-tuning epochs', { epochs: [10, 20, 30] }),
    table7: gridPlan('Source of the gradient', { gradientSource: MASK_GRADIENT_SOURCES }),
    table8: gridPlan('Weight lambda of the supervised loss', { lambda: [1, 5, 10, 20, 50] }),
    table9: gridPlan('Share of masked neurons', {
      criterion: ['gradient', 'magnitude'],
      fraction: [0.0001, 0.001, 0.01],
    }),
    table10: gridPlan('Criterion', {
      criterion: MASK_CRITERIA.filter((criterion) => criterion !== 'random' && criterion !== 'none'),
    }),
    table12: attribution,
    baselines: baselinesPlan(erm),
    departures: departuresPlan(erm),
  };
}

/** The epochs of ERM that Table 5 starts from: 30, 40, 50 and 60 of the article's 100. */
export function kickInEpochs({ epochs = ARTICLE_ERM.epochs }: StudyErm): number[] {
  return [...new Set(KICK_IN.map((share) => Math.max(1, Math.round(share * epochs))))];
}

/** ERM, and one arm for each combination of a grid's values. */
export function gridPlan(title: string, grid: StudyGrid): StudyPlan {
  const combinations = Object.entries(grid).reduce<StudyFinetune[]>(
    (made, [name, values]) =>
      made.flatMap((settings) => values.map((value) => ({ ...settings, [name]: value }))),
    [{}],
  );
  return {
    title,
    arms: [ERM_ARM, ...combinations.map((finetune) => ({ name: describeSettings(finetune), finetune }))],
  };
}

/** `lambda 5, fraction 0.001` */
function describeSettings(settings: StudyFinetune): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${JSON.stringify(value).replaceAll('"', '')}`)
    .join(', ');
}

/** What a reader compares with, on the same data, recipe and selection. */
function baselinesPlan({ epochs = ARTICLE_ERM.epochs }: StudyErm): StudyPlan {
  // Liu et al. identify after 60 of 300 epochs on Waterbirds.
  const identificationEpochs = Math.max(1, Math.round(0.2 * epochs));
  return {
    title: 'Baselines and fine-tuning',
    arms: [
      ERM_ARM,
      { name: 'RWY', baseline: { method: 'rwy' } },
      { name: 'RWG', baseline: { method: 'rwg' } },
      { name: 'SUBY', baseline: { method: 'suby' } },
      { name: 'SUBG', baseline: { method: 'subg' } },
      { name: 'GroupDRO', baseline: { method: 'groupdro' } },
      { name: 'JTT', baseline: { method: 'jtt', identificationEpochs, upweight: 20 } },
      { name: 'DFR', baseline: { method: 'dfr' } },
      { name: FINETUNED, finetune: {} },
    ],
    focus: FINETUNED,
  };
}

/**
 * The article's protocol with each starred departure of the published code alone, and that code's with all of them
 * (docs/protocols.md). Those of magnitude are measured beside the article's magnitude.
 */
function departuresPlan(erm: StudyErm): StudyPlan {
  const published = { erm: { loss: 'double-softmax' }, finetune: { loss: 'double-softmax' } } as const;
  const arms: StudyArm[] = [
    ERM_ARM,
    { name: FINETUNED, finetune: {} },
    { name: 'double softmax', ...published },
    { name: 'gradient of the lowest losses', finetune: { gradientOrder: 'lowest-loss' } },
    { name: 'stale gradient in the scores', finetune: { staleGradient: true } },
    { name: 'one percent of the neurons', finetune: { fraction: RELEASED_FINETUNE.fraction } },
    { name: 'magnitude', finetune: { criterion: 'magnitude' } },
    {
      name: 'magnitude, no downsample layers',
      finetune: { criterion: 'magnitude', magnitudeLayers: 'no-downsample' },
    },
    {
      name: 'magnitude, smallest single weights',
      finetune: { criterion: 'magnitude', magnitudeOrder: 'smallest', unit: 'weight' },
    },
    { name: 'single weights by gradient', finetune: { unit: 'weight' } },
    { name: 'cross-entropy', finetune: { supervised: 'cross-entropy' } },
    { name: 'squared error summed', finetune: { supervisedReduction: 'sum' } },
    { name: 'softmax outputs contrasted', finetune: { features: 'softmax' } },
    { name: 'one view', finetune: { views: 'one' } },
    { name: 'three forward passes', finetune: { supervisedForward: 'own' } },
    { name: 'all of the published code', erm: published.erm, finetune: { protocol: 'released' } },
  ];
  if (erm.weights === undefined) return { title: 'Departures of the published code', arms };
  const random = { weights: undefined };
  return {
    title: 'Departures of the published code',
    arms: [
      ...arms.slice(0, 2),
      { name: 'ERM from random weights', erm: random },
      { name: 'fine-tuned from random weights', erm: random, finetune: {} },
      ...arms.slice(2),
    ],
  };
}
