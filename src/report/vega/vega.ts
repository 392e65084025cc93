// The one place that loads Vega and Vega-Lite: a checkout takes their packages, and the package has what is used of them as one
// file (scripts/bundle.mjs).
export * as vega from 'vega';
export { compile } from 'vega-lite';
export type { TopLevelSpec } from 'vega-lite';
