import type { Figure } from './figure.js';
import { fig1 } from './figures/fig1.js';
import { fig2 } from './figures/fig2.js';
import { fig3 } from './figures/fig3.js';
import { fig4 } from './figures/fig4.js';
import { fig5 } from './figures/fig5.js';
import { fig7 } from './figures/fig7.js';
import { fig10 } from './figures/fig10.js';
import { fig11 } from './figures/fig11.js';
import { fig12 } from './figures/fig12.js';
import { minimal } from './figures/minimal.js';
import { table3 } from './figures/table3.js';
import { table11 } from './figures/table11.js';
import { table13 } from './figures/table13.js';
import { table14 } from './figures/table14.js';

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
  fig10,
];
