/**
 * Colours of all charts. The page restyles ink, muted, grid and band by these very values in dark mode (style.ts); data colours stand
 * out on white and on dark. Hues are Okabe and Ito's, which people with colour-vision deficiencies can tell apart.
 */
export const INK = '#1f2937';
export const MUTED = '#566070';
export const GRID = '#e3e7ec';

export const TRAIN = '#0072b2';
export const TEST = '#e69f00';

export const BAND = '#c3c9d2';

/** Cool hues for majority groups, warm ones for minority groups. */
export const MAJORITY = ['#0072b2', '#009e73', '#56b4e9'] as const;
export const MINORITY = ['#d55e00', '#cc79a7', '#e69f00'] as const;

/** Light to full: the graded hues of Fig. 2. */
export const MAJORITY_RAMP = ['#a9d3ee', '#0072b2'] as const;
export const MINORITY_RAMP = ['#f9c9a0', '#d55e00'] as const;

/** The same for more numbers of neurons than a hue has steps that can be told apart: its lightness goes further both ways. */
export const LONG_MAJORITY_RAMP = ['#d3ecfa', '#2b93d4', '#06304f'] as const;
export const LONG_MINORITY_RAMP = ['#fee6c4', '#ee8a24', '#5c2200'] as const;

export const LOSS = '#c2570c';
export const GAIN = '#2a6fad';

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

export const CONFIG = {
  background: 'white',
  padding: 8,
  font: FONT,
  view: { stroke: null },
  title: {
    anchor: 'start',
    frame: 'bounds',
    fontSize: 16,
    fontWeight: 600,
    color: INK,
    subtitleColor: MUTED,
    subtitleFontSize: 13,
    subtitlePadding: 5,
    offset: 14,
  },
  axis: {
    labelFontSize: 13,
    labelColor: INK,
    titleFontSize: 13,
    titleFontWeight: 500,
    titleColor: MUTED,
    titlePadding: 10,
    gridColor: GRID,
    domain: false,
    ticks: false,
    labelPadding: 6,
    labelLimit: 0,
  },
  legend: {
    labelFontSize: 13,
    labelColor: INK,
    labelLimit: 0,
    titleFontSize: 13,
    titleFontWeight: 500,
    titleColor: MUTED,
    symbolSize: 130,
    rowPadding: 4,
    columnPadding: 16,
  },
} as const;

/** So many colours along a ramp, as far from each other as it allows; one is the ramp's last. */
export function steps(ramp: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const place = count === 1 ? ramp.length - 1 : (at / (count - 1)) * (ramp.length - 1);
    const from = Math.min(Math.floor(place), ramp.length - 2);
    return mix(ramp[from] ?? INK, ramp[from + 1] ?? INK, place - from);
  });
}

function mix(from: string, to: string, share: number): string {
  const channel = (hex: string, at: number): number => Number.parseInt(hex.slice(at, at + 2), 16);
  return `#${[1, 3, 5]
    .map((at) => Math.round(channel(from, at) + (channel(to, at) - channel(from, at)) * share))
    .map((value) => value.toString(16).padStart(2, '0'))
    .join('')}`;
}
