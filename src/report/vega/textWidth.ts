import type { textMetrics } from 'vega';

// Advance widths in em of Helvetica and its metric twins, by kind of character; DejaVu Sans, Linux’s default, needs the rest.
const NARROW = 0.3;
const REGULAR = 0.54;
const CAPITAL = 0.68;
const WIDE = 0.88;
const ALLOWANCE = 1.15;
const BOLD = 1.13;

/** Estimated width in pixels of one line of text in a font of `size` pixels. */
export function textWidth(text: string, size: number, bold = false): number {
  let em = 0;
  for (const character of text) em += characterWidth(character);
  return em * size * ALLOWANCE * (bold ? BOLD : 1);
}

/** Shortens a line of text to a width in pixels. Vega's own label limits reserve the full width when a host measures text. */
export function fit(text: string, size: number, pixels: number): string {
  let em = 0;
  let fitting = 0;
  for (const character of text) {
    em += characterWidth(character);
    if ((em + characterWidth('\u2026')) * size * ALLOWANCE <= pixels) fitting += character.length;
    if (em * size * ALLOWANCE > pixels) return `${text.slice(0, fitting).trimEnd()}\u2026`;
  }
  return text;
}

function characterWidth(character: string): number {
  if (/[ fijlrtI.,:;'’|!()[\]/-]/.test(character)) return NARROW;
  if (/[mwMW@%−+=]/.test(character)) return WIDE;
  if (/[A-Z]/.test(character)) return CAPITAL;
  // East Asian characters and emoji fill a square.
  return (character.codePointAt(0) ?? 0) >= 0x2e80 ? 1.05 : REGULAR;
}

declare module 'vega' {
  /** Vega's own hook for hosts that measure text themselves; missing from its type declarations. */
  export const textMetrics: {
    width: (
      item: { readonly fontSize?: number; readonly fontWeight?: string | number },
      text: unknown,
    ) => number;
  };
}

/**
 * Makes Vega estimate the width of text by its characters. Its own guess without a canvas, 0.8 em each, leaves a third of a chart
 * empty; with a canvas it measures, and charts would differ from machine to machine.
 */
export function useTextEstimates(metrics: typeof textMetrics): void {
  metrics.width = (item, text) =>
    textWidth(String(text), item.fontSize ?? 11, Number(item.fontWeight) >= 600);
}
