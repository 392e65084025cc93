import { BAND, GRID, INK, MUTED } from '../charts/theme.js';

/**
 * The page's style sheet. Charts are drawn in the light theme's colours; in dark mode their text, grid and band are
 * recoloured by attribute, so that the same SVG serves the page and the figure files.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: ${INK}; --muted: ${MUTED}; --line: #dde1e7; --accent: #0a66a8;
  --star: #b34700; --shade: rgb(31 41 55 / 0.16);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141a; --card: #181d25; --ink: #e6eaf0; --muted: #a3adba; --line: #2d3540; --accent: #6cb6ef;
    --star: #ff9d5c; --shade: rgb(0 0 0 / 0.6);
  }
  .chart [fill="${INK}"] { fill: var(--ink); }
  .chart [fill="${MUTED}"] { fill: var(--muted); }
  .chart [stroke="${INK}"] { stroke: var(--ink); }
  .chart [stroke="${MUTED}"] { stroke: var(--muted); }
  .chart [stroke="${GRID}"] { stroke: var(--line); }
  .chart [stroke="${BAND}"] { stroke: #4a5462; }
  .chart [fill="${BAND}"] { fill: #4a5462; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main, header { max-width: 84rem; margin: 0 auto; padding: 0 clamp(0.75rem, 3vw, 2rem); }
header { padding-top: 2.25rem; }
main { padding-bottom: 3rem; }
h1 { font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.2; margin: 0 0 0.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 0 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 0.5rem; }
p { margin: 0.4rem 0 0.8rem; max-width: 72ch; overflow-wrap: break-word; }
.lead, .note { color: var(--muted); }
.note { font-size: 0.9rem; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; margin: 0.9rem 0 0; font-size: 0.95rem; }
section {
  margin-top: 1.25rem; padding: 1.25rem clamp(0.85rem, 2.5vw, 1.6rem);
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
}
.cards { display: grid; gap: 0.9rem; grid-template-columns: repeat(6, minmax(0, 1fr)); }
.card { grid-column: span 2; padding: 0.9rem 1rem; border: 1px solid var(--line); border-radius: 10px; }
.card h3 { margin: 0; font-size: 0.9rem; font-weight: 600; color: var(--muted); }
.card .value { margin: 0.15rem 0; font-size: 1.75rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.card .detail { margin: 0; font-size: 0.9rem; overflow-wrap: anywhere; }
.card.wide { grid-column: span 4; }
@media (max-width: 52rem) { .cards { grid-template-columns: minmax(0, 1fr); } .card, .card.wide { grid-column: auto; } }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
.charts > div { max-width: 100%; min-width: 0; }
.charts > .beside { flex: 1 1 18rem; align-self: center; }
.chart { margin: 0.4rem 0; max-width: 100%; overflow-x: auto; }
.chart svg { display: block; max-width: 100%; height: auto; overflow: visible; }
.chart svg > rect:first-child { fill: none; }
.scroll { overflow-x: auto; margin: 0.6rem 0; }
/* Shadows at the edges show that a box scrolls; the covers move with the content and hide them at its ends. */
.chart, .scroll {
  background:
    linear-gradient(90deg, var(--card) 40%, transparent) left / 2.5rem 100% no-repeat local,
    linear-gradient(270deg, var(--card) 40%, transparent) right / 2.5rem 100% no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) left / 0.8rem 100% no-repeat scroll,
    linear-gradient(270deg, var(--shade), transparent) right / 0.8rem 100% no-repeat scroll;
}
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.4rem; }
/* A wide table's caption stays in view and wraps at the screen's width. */
caption span { display: inline-block; position: sticky; left: 0; max-width: min(72ch, calc(100vw - 4rem)); }
th, td { padding: 0.35rem 0.75rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; }
thead th { color: var(--muted); white-space: normal; min-width: 4rem; max-width: 9rem; border-bottom-width: 2px; vertical-align: bottom; }
th:first-child, td.text, th.text { text-align: left; }
tbody th, tfoot th { font-weight: 500; white-space: normal; min-width: 8rem; max-width: 20rem; overflow-wrap: break-word; }
tbody tr:nth-child(even) { background: color-mix(in srgb, var(--shade) 20%, transparent); }
tfoot tr:first-child > * { border-top: 2px solid var(--line); }
td small { color: var(--muted); }
td.own { font-weight: 700; background: color-mix(in srgb, var(--accent) 14%, transparent); }
details { margin: 0.6rem 0; }
summary { cursor: pointer; font-size: 0.95rem; color: var(--accent); }
.pairs th, .pairs td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.pairs th { min-width: 9rem; }
.columns { display: flex; flex-wrap: wrap; gap: 0 3rem; }
.columns > * { min-width: 0; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
ul.neurons { list-style: none; margin: 0; padding: 0; }
ul.neurons small { color: var(--muted); margin-left: 0.6em; }
.star { color: var(--star); font-weight: 600; }
.samples { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
.samples figure { margin: 0; }
.samples figcaption { font-size: 0.9rem; margin-bottom: 0.4rem; }
.strip { display: flex; flex-wrap: wrap; gap: 0.4rem; }
.strip img { height: 96px; width: auto; max-width: 100%; border-radius: 6px; border: 1px solid var(--line); background: #fff; }
.strip img.small { image-rendering: pixelated; }
.overlays { display: flex; flex-wrap: wrap; gap: 1.25rem 2rem; align-items: flex-start; }
.overlays table { min-width: 11rem; max-width: 100%; }
.overlays tbody tr { background: none; }
.overlays th, .overlays td { padding: 0.25rem 0.4rem; border: 0; text-align: center; min-width: 0; }
.overlays img { display: block; margin: 0 auto; height: 128px; width: auto; border-radius: 4px; image-rendering: pixelated; }
.scale { white-space: nowrap; }
.scale span { display: inline-block; width: 7rem; height: 0.7em; margin: 0 0.35em; border-radius: 3px; vertical-align: baseline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print {
  body { background: none; }
  section { break-inside: avoid; border: 0; padding: 0; }
}
`.trim();
