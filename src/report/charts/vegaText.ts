import type { textMetrics } from 'vega';
import { textWidth } from './textMetrics.js';

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
 * Makes Vega estimate the width of text by its characters. Its own guess without a canvas, 0.8 em each, leaves a
 * third of a chart empty; with a canvas it measures, and charts would differ from machine to machine.
 */
export function useTextEstimates(metrics: typeof textMetrics): void {
  metrics.width = (item, text) =>
    textWidth(String(text), item.fontSize ?? 11, Number(item.fontWeight) >= 600);
}
