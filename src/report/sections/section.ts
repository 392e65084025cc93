import type { Markup } from '../markup.js';

/** A part of the page. The functions that make one return undefined when the run has nothing to show there. */
export interface Section {
  /** The anchor that the navigation links to. */
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}
