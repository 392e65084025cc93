import { escapeMarkup } from '../text.js';
import { useTextEstimates } from './textWidth.js';
import { CONFIG, FONT } from './theme.js';
import type { TopLevelSpec } from './vega.js';

/** A drawn chart. */
export interface Chart {
  /** A complete SVG file; refers to nothing outside itself. */
  readonly svg: string;
  /** Natural width in pixels. */
  readonly width: number;
}

/** A chart before it is drawn: what it shows, in one sentence for screen readers, and its Vega-Lite body. */
export interface ChartSpec {
  readonly label: string;
  readonly spec: TopLevelSpec;
}

/** A chart with its file's name without the ending. */
export interface NamedChart extends ChartSpec {
  readonly name: string;
}

/** Draws a chart; the same specification gives the same bytes. Throws an Error where Vega-Lite warns of the specification. */
export async function renderChart({ label, spec }: ChartSpec): Promise<Chart> {
  const { vega, compile } = await loadVega();
  // Vega-Lite only warns about channels and properties that it drops; here that is a defect of the chart.
  const logger = vega.logger(vega.Warn, undefined, (_method, _level, messages) => {
    throw new Error(`chart "${label}": ${messages.join(' ')}`);
  });
  const compiled = compile({ ...spec, config: CONFIG }, { logger });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logger });
  try {
    const svg = await view.toSVG();
    return {
      svg: withTooltips(compact(withoutNamelessRoles(svg))).replace(
        '<svg ',
        () => `<svg role="img" aria-label="${escapeMarkup(label)}" font-family="${escapeMarkup(FONT)}" `,
      ),
      width: Number(/ width="([\d.]+)"/.exec(svg)?.[1] ?? 0),
    };
  } finally {
    view.finalize();
  }
}

/** A quarter of a second the first time, which only those who draw should pay. */
async function loadVega() {
  const { vega, compile } = await import('./vega.js');
  useTextEstimates(vega.textMetrics);
  return { vega, compile };
}

/** Vega gives groups of some marks, as symbols, a role that needs a name, and no name. */
function withoutNamelessRoles(svg: string): string {
  return svg.replace(/<g [^>]*role="graphics-symbol"[^>]*>/g, (group) =>
    group.includes('aria-label=') ? group : group.replace(/ (?:role|aria-roledescription)="[^"]*"/g, ''),
  );
}

/** Vega repeats the font in each text, and writes 15 digits. */
function compact(svg: string): string {
  const rounded = (number: string): string => String(Number(Number(number).toFixed(2)));
  return svg
    .replace(/ font-family="[^"]*"/g, '')
    .replace(/ (?:d|transform)="[^"]*"/g, (place) => place.replace(/-?\d+\.\d{3,}/g, rounded));
}

/** Browsers show a mark's `title`, and no `aria-label`, where the pointer rests. */
function withTooltips(svg: string): string {
  return svg.replace(
    /<path aria-label="([^"]*)"([^>]*)\/>/g,
    (_path, label: string, rest: string) =>
      `<path aria-label="${label}"${rest}><title>${label}</title></path>`,
  );
}
