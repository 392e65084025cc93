import type { GroupLabel } from './groupLabels.js';

/** A column's heading. */
export interface Column {
  readonly name: string;
  /** Text stands left, numbers right. */
  readonly text?: boolean;
  /** A sentence about it in the caption. */
  readonly explanation?: string;
  /** Whether a terminal, which is narrow, leaves it out. */
  readonly pageOnly?: boolean;
}

/** A part of a cell: plain text, or something that is set apart. Numbers have ASCII minus signs. */
export type Part =
  | string
  /** A group, its star emphasised. */
  | { readonly kind: 'group'; readonly group: GroupLabel }
  /** A name from the model. */
  | { readonly kind: 'code'; readonly text: string }
  /** A link of a page; a terminal shows its text. */
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  /** Smaller text next to a number. */
  | { readonly kind: 'detail'; readonly text: string }
  /** The whole cell, emphasised. */
  | { readonly kind: 'own'; readonly text: string }
  /** The explanation of a heading, for which a terminal is too narrow. */
  | { readonly kind: 'explanation'; readonly text: string }
  /** Names from the model with a value each, one a line. */
  | { readonly kind: 'list'; readonly items: readonly (readonly [name: string, value: string])[] };

/** A cell of a table. */
export type Cell = Part | readonly Part[];

/** A table, for pages and terminals alike. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly Column[];
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly Cell[])[];
  readonly footer?: readonly (readonly Cell[])[];
  /** Lines below it in a terminal; on a page the text around the table says the same. */
  readonly notes?: readonly string[];
}

/** The caption, and the explanations of some columns of the table. */
export function captionOf({ caption }: Table, columns: readonly Column[]): string {
  return [caption, ...columns.map(({ explanation }) => explanation ?? '')]
    .filter((text) => text !== '')
    .join(' ');
}

/** A row's heading that names a group. */
export function groupCell(group: GroupLabel): Part {
  return { kind: 'group', group };
}

export function numbers(...names: readonly string[]): Column[] {
  return names.map((name) => ({ name }));
}

export function texts(...names: readonly string[]): Column[] {
  return names.map((name) => ({ name, text: true }));
}

export function withDetail(number: string, detail: string): Cell {
  return [number, { kind: 'detail', text: detail }];
}
