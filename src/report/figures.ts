// To add a figure: write one file or folder in `figures/` that exports a `Figure`, and name it in the list below. The commands
// `reproduce <name>` and `reproduce part1`, `results/<name>.json` and `.csv`, its charts and its section of the report follow.
import { type Trace, TRACES as OWN_TRACES } from '../experiments/traces.js';
import { neurons } from '../extras/atlas/figure.js';
import type { Figure } from './figure.js';
import { fig1 } from './figures/accuracy.js';
import { fig2, fig4, fig5, fig11, fig12, table3, table11, table13, table14 } from './figures/changes.js';
import { fig10 } from './figures/gradCam.js';
import { fig7 } from './figures/layers.js';
import { memorized } from './figures/memorized.js';
import { minimal } from './figures/minimal.js';
import { fig3 } from './figures/overlap.js';

/** Every figure and table of the article's Part I, and those beyond it, in the order in which the report shows them. */
export const FIGURES: readonly Figure[] = [
  fig1,
  fig2,
  fig4,
  fig11,
  fig5,
  fig12,
  table3,
  table11,
  table13,
  table14,
  fig3,
  fig7,
  minimal,
  memorized,
  neurons,
  fig10,
];

/** All traces: the list of the package, then traces that figures bring along. */
export const TRACES: readonly Trace[] = [
  ...new Set([...OWN_TRACES, ...FIGURES.flatMap(({ needs }) => needs.others ?? [])]),
];
