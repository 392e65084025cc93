import { BAND, GRID, INK, MUTED } from '../vega/theme.js';

/**
 * The page's style sheet. Charts are drawn in the light theme's colours; in dark mode their text, grid and band are
 * recoloured by attribute, so that the same SVG serves the page and the figure files.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: ${INK}; --muted: ${MUTED}; --line: #dde1e7; --accent: #0a66a8;
  --star: #b34700; --shade: rgb(31 41 55 / 0.16); --stripe: #f4f5f7; --own: #dfeaf4;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #10141a; --card: #181d25; --ink: #e6eaf0; --muted: #a3adba; --line: #2d3540; --accent: #6cb6ef;
    --star: #ff9d5c; --shade: rgb(0 0 0 / 0.6); --stripe: #1f252e; --own: #24384a;
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
main, header { padding: 0 clamp(0.75rem, 3vw, 2rem); min-width: 0; }
header { padding-top: 1.75rem; }
main { padding-bottom: 3rem; }
h1 { font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.2; margin: 0 0 0.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 0 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 0.5rem; }
p { margin: 0.4rem 0 0.8rem; max-width: 72ch; overflow-wrap: break-word; }
.lead, .note { color: var(--muted); }
.note { font-size: 0.9rem; }
a { color: var(--accent); }
ul.short { margin: 0.9rem 0 0; padding: 0 0 0 1.1rem; max-width: 84ch; }
ul.short li { margin: 0.25rem 0; overflow-wrap: break-word; }
/* The table of contents stays in view: above on narrow screens, beside on wide ones. */
nav {
  position: sticky; top: 0; z-index: 2; display: flex; gap: 0.2rem 1.1rem; margin-top: 0.9rem; font-size: 0.95rem;
  padding: 0.5rem clamp(0.75rem, 3vw, 2rem); overflow-x: auto; white-space: nowrap;
  background: var(--page); border-bottom: 1px solid var(--line);
}
nav a { text-decoration: none; padding: 0.15rem 0; }
nav a:hover { text-decoration: underline; }
nav a[aria-current] { color: var(--ink); font-weight: 600; }
@media (min-width: 72rem) {
  body { display: grid; grid-template: "nav header" auto "nav main" 1fr / 14rem minmax(0, 1fr); max-width: 104rem; margin: 0 auto; }
  header { grid-area: header; }
  main { grid-area: main; }
  nav {
    grid-area: nav; align-self: start; flex-direction: column; margin: 0; max-height: 100vh; overflow: hidden auto;
    padding: 2.25rem 0.5rem 1rem 1.5rem; white-space: normal; border: 0;
  }
}
section {
  scroll-margin-top: 3.2rem; margin-top: 1.25rem; padding: 1.25rem clamp(0.85rem, 2.5vw, 1.6rem);
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
.verdict { margin: 0 0 1rem; padding: 0.55rem 0.9rem; border-left: 4px solid var(--accent); background: var(--stripe); border-radius: 0 8px 8px 0; }
.verdict p { margin: 0.15rem 0; max-width: 84ch; }
.verdict p:first-child { font-weight: 600; }
.files { font-size: 0.9rem; color: var(--muted); margin-bottom: 0; max-width: none; }
.files a { margin-right: 0.6em; }
.pointed { stroke: var(--ink); stroke-width: 2; }
.tip {
  position: fixed; z-index: 3; max-width: min(28rem, 90vw); padding: 0.35rem 0.6rem; border-radius: 6px; font-size: 0.85rem;
  background: var(--ink); color: var(--card); pointer-events: none;
}
.tip:empty { display: none; }
table { border-collapse: separate; border-spacing: 0; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.4rem; }
/* A wide table's caption stays in view and wraps at the screen's width. */
caption span { display: inline-block; position: sticky; left: 0; max-width: min(72ch, calc(100vw - 4rem)); }
th, td { padding: 0.35rem 0.75rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; }
thead th { color: var(--muted); white-space: normal; min-width: 4rem; max-width: 9rem; border-bottom-width: 2px; vertical-align: bottom; }
th:first-child, td.text, th.text { text-align: left; }
tbody th, tfoot th { font-weight: 500; white-space: normal; min-width: 8rem; max-width: 20rem; overflow-wrap: break-word; }
tbody tr:nth-child(even) { background: var(--stripe); }
/* What a row is of stays in view while its numbers scroll. */
.scroll tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--card); }
.scroll tbody tr:nth-child(even) > :first-child { background: var(--stripe); }
@media (max-width: 40rem) { .scroll tr > :first-child { max-width: 8rem; min-width: 0; } }
thead button {
  all: unset; cursor: pointer; display: inline-block; box-sizing: border-box;
}
thead button::after { content: " \\2195"; opacity: 0.35; }
[aria-sort="ascending"] button::after { content: " \\2191"; opacity: 1; }
[aria-sort="descending"] button::after { content: " \\2193"; opacity: 1; }
thead button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
tfoot tr:first-child > * { border-top: 2px solid var(--line); }
td.text { white-space: normal; max-width: 30rem; overflow-wrap: break-word; }
td.text code { overflow-wrap: anywhere; }
td small { color: var(--muted); }
td.own { font-weight: 700; background: var(--own); }
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
.strip figure { width: min-content; min-width: 5.5rem; }
.strip figcaption { font-size: 0.75rem; color: var(--muted); overflow-wrap: anywhere; margin: 0.15rem 0 0; }
.strip figcaption span { display: block; }
.overlays { display: flex; flex-wrap: wrap; gap: 1.25rem 2rem; align-items: flex-start; }
.overlays table { min-width: 11rem; max-width: 100%; }
.overlays tbody tr { background: none; }
.overlays th, .overlays td { padding: 0.25rem 0.4rem; border: 0; text-align: center; min-width: 0; }
.overlays img { display: block; margin: 0 auto; height: 128px; width: auto; border-radius: 4px; image-rendering: pixelated; }
.scale { white-space: nowrap; }
.scale span { display: inline-block; width: 7rem; height: 0.7em; margin: 0 0.35em; border-radius: 3px; vertical-align: baseline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
/* The size of the paper is the reader's: A4 and Letter alike. */
@page { margin: 14mm 12mm; }
@media print {
  body { display: block; max-width: none; background: none; font-size: 10pt; }
  nav, .tip, .files { display: none; }
  header, main { padding: 0; }
  section { border: 0; padding: 0; border-radius: 0; }
  h2, h3, caption { break-after: avoid; }
  tr, figure, .card, .chart, .overlays table { break-inside: avoid; }
  /* Nothing scrolls on paper: what is wide becomes small, and is folded rather than cut. */
  .scroll, .chart { overflow: visible; background: none; }
  .chart svg { min-width: 0 !important; max-width: 100%; }
  .charts { display: block; }
  .charts > div { width: auto !important; }
  .scroll tr > :first-child { position: static; background: none; }
  .scroll table { width: 100%; font-size: 8pt; }
  .scroll th, .scroll td { padding: 0.15rem 0.25rem; min-width: 0 !important; max-width: none !important; white-space: normal; overflow-wrap: break-word; }
  .scroll table.many { font-size: 6pt; }
  .scroll table.many :is(th, td) { padding: 0.1rem; overflow-wrap: anywhere; }
  caption span { max-width: none; position: static; }
  thead button::after { content: none !important; }
  details > summary { list-style: none; color: var(--ink); font-weight: 600; }
  /* Where the script does not run, as far as the browser can. */
  details::details-content { content-visibility: visible; block-size: auto; }
}
`.trim();
