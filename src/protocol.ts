/** Whose settings are the defaults: the article's, or those of the code that its authors published (docs/reference.md). */
export const PROTOCOLS = ['article', 'released'] as const;
/** Whose settings are the defaults: the article's, or its published code's. */
export type Protocol = (typeof PROTOCOLS)[number];
