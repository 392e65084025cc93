/** Whose settings are the defaults: the article's, or those of the code that its authors published (docs/protocols.md). */
export const PROTOCOLS = ['article', 'released'] as const;
export type Protocol = (typeof PROTOCOLS)[number];
