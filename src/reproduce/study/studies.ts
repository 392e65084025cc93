import { ERM_SETTINGS } from '../../train/ermSettings.js';
import {
  FINETUNE_SETTINGS,
  MASK_GRADIENT_SOURCES,
  SUPERVISED_LOSSES,
} from '../../train/finetune/settings.js';
import { TRAINING_METHODS } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import { finetune, type FinetuneSettings } from '../../train/methods/finetune.js';
import type { ErmSettings } from '../../train/recipe.js';
import { combinationsOf } from '../sweep/plan.js';
import type { StudyArm } from './studyArm.js';

/** The arms of a study. */
export interface StudyPlan {
  readonly title: string;
  readonly arms: readonly StudyArm[];
  /** The arm that is compared with every other one. */
  readonly focus?: string;
}

/** A figure or table of the article's Part II, or a study of ours. */
export interface Study {
  /** The name of its command and files, such as `table8`. */
  readonly name: string;
  readonly title: string;
  /** Its arms, which depend on ERM's epochs and on whether it has weights to leave out. */
  readonly plan: (erm: ErmSettings) => Omit<StudyPlan, 'title'>;
}

/** Values of fine-tuning's settings, by name; their combinations are the arms. */
export type StudyGrid = { readonly [Name in keyof FinetuneSettings]?: readonly FinetuneSettings[Name][] };

/** The run that fine-tuning starts from: every study's reference. */
const ERM_ARM: StudyArm = { name: erm.title };
const FINETUNED = finetuned(finetune.title);

/**
 * Not in the article: which part of fine-tuning brings the gain. Continued training gets the same epochs; the contrastive loss without a
 * mask, and with masks of random neurons, lacks what the article holds responsible. The article's two readings of the mask's gradient
 * are both there.
 */
const ATTRIBUTION: Study['plan'] = () => ({
  arms: [
    ERM_ARM,
    finetuned('continued, cross-entropy', { contrast: false, supervised: 'cross-entropy' }),
    finetuned('continued, supervised loss alone', { contrast: false }),
    finetuned('contrast, no mask', { criterion: 'none' }),
    finetuned('contrast, random mask', { criterion: 'random' }),
    finetuned('contrast, random mask of the same layers', { criterion: 'random-same-layers' }),
    FINETUNED,
    finetuned('pseudo labels', { gradientSource: 'pseudo-labels' }),
  ],
  focus: FINETUNED.name,
});
const ATTRIBUTION_TITLE = 'ERM, attribution controls, and fine-tuning';

/** The article's ablations, and ours. Where it gives no values, these surround its default. */
export const STUDIES: readonly Study[] = [
  { name: 'fig6', title: ATTRIBUTION_TITLE, plan: ATTRIBUTION },
  ablation('table4', 'Supervised loss', { supervised: SUPERVISED_LOSSES }),
  {
    name: 'table5',
    title: 'Kick-in epoch',
    plan: (settings) => ({ arms: gridArms({ kickInEpoch: [...kickInEpochs(settings), 'selected'] }) }),
  },
  ablation('table6', 'Number of fine-tuning epochs', { epochs: [10, 20, 30] }),
  ablation('table7', 'Source of the gradient', { gradientSource: MASK_GRADIENT_SOURCES }),
  ablation('table8', 'Weight lambda of the supervised loss', { lambda: [1, 5, 10, 20, 50] }),
  ablation('table9', 'Share of masked neurons', {
    criterion: ['gradient', 'magnitude'],
    fraction: [0.0001, 0.001, 0.01],
  }),
  ablation('table10', 'Criterion', { criterion: ['gradient', 'magnitude', 'combined'] }),
  { name: 'table12', title: ATTRIBUTION_TITLE, plan: ATTRIBUTION },
  {
    name: 'baselines',
    title: 'Baselines and fine-tuning',
    plan: ({
      epochs = ERM_SETTINGS.epochs.article as number,
      batchSize = ERM_SETTINGS.batchSize.article as number,
    }) => ({
      arms: TRAINING_METHODS.map(({ name, title, inStudies }) => ({
        name: title,
        method: name,
        settings: inStudies?.({ epochs, batchSize }),
      })),
      focus: FINETUNED.name,
    }),
  },
  {
    name: 'departures',
    title: 'Departures of the published code',
    plan: ({ weights }) => ({ arms: departures(weights !== undefined) }),
  },
];

/** The kick-in epochs of Table 5, as shares of the article's 100 epochs of ERM. */
const KICK_IN = [0.3, 0.4, 0.5, 0.6];

/** The epochs of ERM that Table 5 starts from: 30, 40, 50 and 60 of the article's 100. */
export function kickInEpochs({ epochs = ERM_SETTINGS.epochs.article as number }: ErmSettings): number[] {
  return [...new Set(KICK_IN.map((share) => Math.max(1, Math.round(share * epochs))))];
}

function ablation(name: string, title: string, grid: StudyGrid): Study {
  return { name, title, plan: () => ({ arms: gridArms(grid) }) };
}

function finetuned(name: string, settings: FinetuneSettings = {}): StudyArm {
  return { name, method: finetune.name, settings };
}

/** ERM, and one arm for each combination of a grid's values. */
export function gridArms(grid: StudyGrid): StudyArm[] {
  const arms = combinationsOf(grid).map((settings) => finetuned(describeSettings(settings), settings));
  return [ERM_ARM, ...arms];
}

/** `lambda 5, fraction 0.001` */
function describeSettings(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${JSON.stringify(value).replaceAll('"', '')}`)
    .join(', ');
}

/**
 * The article's protocol with each starred departure of the published code alone, and that code's with all of them
 * (docs/protocols.md). Those of magnitude are measured beside the article's magnitude.
 */
function departures(hasWeights: boolean): StudyArm[] {
  const doubleSoftmax = { loss: 'double-softmax' } as const;
  const random = { weights: undefined };
  const published = { protocol: 'released' } as const;
  return [
    ERM_ARM,
    FINETUNED,
    ...(hasWeights
      ? [
          { name: 'ERM from random weights', erm: random },
          { ...finetuned('fine-tuned from random weights'), erm: random },
        ]
      : []),
    { ...finetuned('double softmax', doubleSoftmax), erm: doubleSoftmax },
    finetuned('gradient of the lowest losses', { gradientOrder: 'lowest-loss' }),
    finetuned('stale gradient in the scores', { staleGradient: true }),
    finetuned('one percent of the neurons', { fraction: FINETUNE_SETTINGS.fraction.released as number }),
    finetuned('magnitude', { criterion: 'magnitude' }),
    finetuned('magnitude, no downsample layers', {
      criterion: 'magnitude',
      magnitudeLayers: 'no-downsample',
    }),
    finetuned('magnitude, smallest single weights', {
      criterion: 'magnitude',
      magnitudeOrder: 'smallest',
      unit: 'weight',
    }),
    finetuned('single weights by gradient', { unit: 'weight' }),
    finetuned('cross-entropy', { supervised: 'cross-entropy' }),
    finetuned('squared error summed', { supervisedReduction: 'sum' }),
    finetuned('softmax outputs contrasted', { features: 'softmax' }),
    finetuned('one view', { views: 'one' }),
    finetuned('three forward passes', { supervisedForward: 'own' }),
    finetuned('statistics shared with the masked passes', { statistics: 'shared' }),
    { ...finetuned('all of the published code', published), erm: published },
    {
      ...finetuned('the published code, its mask by gradient', { ...published, criterion: 'gradient' }),
      erm: published,
    },
  ];
}
