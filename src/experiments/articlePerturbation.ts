/** The article's standard deviation and repeats of random initialization and noise. */
export const ARTICLE_PERTURBATION = { sigmas: [0.005], repeats: 10 } as const;
