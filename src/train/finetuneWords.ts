/**
 * What chooses the auxiliary model's masked neurons: a criterion of the article, both of them together (Table 10), or, as
 * controls, random neurons of the same number, or none.
 */
export const MASK_CRITERIA = ['gradient', 'magnitude', 'combined', 'random', 'none'] as const;
export type MaskCriterion = (typeof MASK_CRITERIA)[number];

/**
 * The training samples that the gradient criterion looks at (Table 7), and the labels of their loss: all of them under the
 * model's predictions as pseudo labels, all of them under their classes, or those of minority groups under their classes.
 */
export const MASK_GRADIENT_SOURCES = ['pseudo-labels', 'true-labels', 'minority-groups'] as const;
export type MaskGradientSource = (typeof MASK_GRADIENT_SOURCES)[number];

/** What NT-Xent compares: projections of the penultimate features, those features, the logits, or their softmax. */
export const CONTRASTED_FEATURES = ['projection', 'penultimate', 'logits', 'softmax'] as const;
export type ContrastedFeatures = (typeof CONTRASTED_FEATURES)[number];

/** Mean squared error of the prediction vector (article, Eq. 4), or cross-entropy (Table 4). */
export const SUPERVISED_LOSSES = ['mse', 'cross-entropy'] as const;
export type SupervisedLoss = (typeof SUPERVISED_LOSSES)[number];

export const REDUCTIONS = ['mean', 'sum'] as const;

/** Whether the two branches see two augmentations of an image, or one. */
export const VIEWS = ['two', 'one'] as const;

/** Whether the supervised loss takes the logits of the contrasted target view, or runs the target model once more. */
export const SUPERVISED_FORWARDS = ['shared', 'own'] as const;
