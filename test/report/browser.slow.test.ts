import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import type { RunReport } from '../../src/report/figure.js';
import { atlasOf } from '../extras/atlas.js';
import { temporaryFolder } from '../temporary.js';
import { fullReport, layers18, overlapTrace, randomTrace, trace, withLostImages } from './fixtures.js';
import { pageOf } from './support.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const folder = temporaryFolder();
const path = join(folder, 'report.html');

/** Everything that a report of one run can hold of charts and tables. */
const everything: RunReport = {
  ...fullReport,
  traces: [withLostImages(trace), randomTrace('reinit', [0.005, 0.05], 2), { ...trace, split: 'test' }],
  made: [overlapTrace(0.001), layers18],
};

/** The elements that the keyboard reaches. */
const REACHABLE = 'a[href], button, summary, [tabindex="0"]';

let browser: Browser;
beforeAll(async () => {
  await writeFile(path, await pageOf({ ...everything, made: [...(everything.made ?? []), await atlasOf()] }));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
});
afterAll(() => browser.close());

/** The report in a window of its own, and what the browser had to say. */
async function open(
  width: number,
  scheme: 'light' | 'dark' = 'light',
): Promise<{ page: Page; said: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: scheme });
  const said: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (url !== pathToFileURL(path).href && !url.startsWith('data:')) said.push(url);
  });
  await page.goto(pathToFileURL(path).href);
  return { page, said };
}

test.each([
  [1280, 'light'],
  [1280, 'dark'],
  [360, 'light'],
] as const)(
  'at %d px, %s: no message, no request, no sideways scrolling; at 1280 px axe finds nothing serious',
  async (width, scheme) => {
    const { page, said } = await open(width, scheme);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(said).toEqual([]);
    const scrolling =
      "[...document.querySelectorAll('nav, .chart')].filter((one) => one.scrollWidth > one.clientWidth + 1).length";
    expect(await page.evaluate(scrolling)).toBe(0);
    if (width === 360) return page.close();
    // By the debugger's way in: the page's policy runs no script but its own.
    await page.evaluate(await readFile(AXE, 'utf8'));
    const violations = await page.evaluate<string[]>(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => id + ': ' + nodes[0].html.slice(0, 200)))",
    );
    expect(violations).toEqual([]);
    await page.close();
  },
);

test('activation lies as colour over an image, inside its frame', async () => {
  const { page } = await open(1280);
  const drawn = await page.locator('#neuron-atlas .strip svg').first().screenshot();
  const { data, info } = await sharp(drawn).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): number[] => {
    const place = 3 * (Math.round((y / 64) * info.height) * info.width + Math.round((x / 64) * info.width));
    return [...data.subarray(place, place + 3)];
  };
  // The active cell is (1, 1) of 8 x 8; its frame begins at its corner, is light, and dark next to it.
  const grey = Math.round(0.1 * 255);
  for (const value of at(56, 56)) expect(Math.abs(value - grey)).toBeLessThan(12);
  const [red = 0, , blue = 0] = at(12, 12);
  expect(red).toBeGreaterThan(150);
  expect(blue).toBeLessThan(100);
  expect(Math.min(...at(32, 20))).toBeGreaterThan(150);
  await page.close();
});

test('all of it is reached by the tab key', async () => {
  const { page } = await open(1280);
  const count = await page.evaluate<number>(`document.querySelectorAll('${REACHABLE}').length`);
  await page.evaluate('globalThis.reached = new Set()');
  // Folded text has to be opened first.
  await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
  await page.evaluate("addEventListener('focusin', ({ target }) => reached.add(target))");
  for (let at = 0; at < count; at += 1) await page.keyboard.press('Tab');
  const missed = await page.evaluate(
    `[...document.querySelectorAll('${REACHABLE}')].filter((one) => !reached.has(one)).map((one) => one.outerHTML.slice(0, 80))`,
  );
  expect(missed).toEqual([]);
  await page.close();
});

test('tables are sorted, marks tell their values, and the files are saved', async () => {
  const { page, said } = await open(1280);
  const column = () =>
    page.evaluate(
      "[...document.querySelectorAll('#fig1 tbody tr')].map((row) => row.cells[3].textContent.trim().split(' ')[0])",
    );
  const heading = page.locator('#fig1 thead button').nth(3);
  await heading.click();
  expect(await column()).toEqual(['17.86', '66.00', '95.00', '99.89']);
  await heading.click();
  expect(await column()).toEqual(['99.89', '95.00', '66.00', '17.86']);
  expect(await page.locator('#fig1 th[aria-sort=descending]').count()).toBe(1);

  const tip = page.locator('.tip');
  await page.locator('#fig1 .chart path[aria-roledescription=bar]').first().hover();
  expect(await tip.textContent()).toMatch(/^G0, training: 100\.0 \[/);
  await page.keyboard.press('Escape');
  await page.locator('#fig1 .chart').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await tip.textContent()).toMatch(/^G\d/);

  const saving = page.waitForEvent('download');
  await page.locator('a[download="fig1.csv"]').click();
  const saved = await readFile(await (await saving).path(), 'utf8');
  expect(saved.split('\n')[0]).toBe('split,group,name,correct,total,accuracy,accuracyLow,accuracyHigh');
  expect(saved.trimEnd().split('\n')).toHaveLength(1 + 12);
  expect(said).toEqual([]);
  await page.close();
});

test('on A4 nothing is cut off, and what is folded is open', async () => {
  const width = Math.floor((186 / 25.4) * 96);
  const { page } = await open(width);
  await page.emulateMedia({ media: 'print' });
  const cut = await page.evaluate(
    `[...document.querySelectorAll('table, svg, p, h2')].filter((one) => one.getBoundingClientRect().right > ${width + 1}).map((one) => one.outerHTML.slice(0, 80))`,
  );
  expect(cut).toEqual([]);
  await page.evaluate("dispatchEvent(new Event('beforeprint'))");
  expect(await page.locator('details:not([open])').count()).toBe(0);
  const cutInside = await page.evaluate(
    `[...document.querySelectorAll('details table')].filter((one) => one.getBoundingClientRect().right > ${width + 1}).length`,
  );
  expect(cutInside).toBe(0);
  await page.evaluate("dispatchEvent(new Event('afterprint'))");
  expect(await page.locator('details[open]').count()).toBe(0);
  await page.close();
});

test('no script but the page’s own runs', async () => {
  const { page, said } = await open(1280);
  await page.evaluate(
    "const own = document.createElement('script'); own.textContent = 'globalThis.ran = true'; document.body.append(own)",
  );
  expect(await page.evaluate('globalThis.ran')).toBeUndefined();
  expect(said.join()).toMatch(/Content Security Policy/);
  await page.close();
});
