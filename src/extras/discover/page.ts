import type { Dataset, Example } from '../../data/dataset.js';
import { thumbnail } from '../../data/pictures.js';
import { native } from '../../native/addon.js';
import { plural } from '../../report/format.js';
import { html, Markup } from '../../report/html/html.js';
import { asset, htmlPage, type PageSection } from '../../report/html/page.js';
import { type ClassCounts, errorBound } from './blindTest.js';
import type { DiscoverImage, DiscoverResult } from './result.js';

const STYLE = `.ticks { display: grid; gap: 8px; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); }
.tick { position: relative; display: block; cursor: pointer; border-radius: 6px; background: var(--stripe); border: 3px solid transparent; }
.tick img { display: block; width: 100%; height: 96px; object-fit: contain; border-radius: 4px; }
.tick input { position: absolute; top: 4px; left: 4px; width: 20px; height: 20px; margin: 0; }
.tick:has(:checked) { border-color: var(--star); }
.tick:has(:focus-visible) { outline: 3px solid var(--accent); }
.bar { position: sticky; bottom: 0; display: flex; flex-wrap: wrap; gap: 8px; align-items: center; padding: 8px 0; background: var(--card); }
.bar button, .bar input { font: inherit; padding: 4px 12px; max-width: 100%; }
[hidden] { display: none !important; }`;

/** Classes that a page shows at most: those with the most wrong images. */
const MAX_CLASSES = 12;

/** Returns the classes of a result, each with images of the explored half: those with the lowest margins, and as many random right ones. */
export function classesOf({ images, seed }: DiscoverResult, show: number) {
  const names = [...new Set(images.map((image) => image.class))];
  return names.map((name) => {
    const own = images.filter((image) => image.class === name);
    const explore = own.filter(({ part }) => part === 'explore');
    const lowest = explore.slice(0, show);
    const right = explore.filter((image) => image.margin > 0 && !lowest.includes(image));
    const order = [...new (native().Generator)(seed).randperm(right.length)].slice(0, show);
    return { name, counts: countsOf(own), lowest, right: order.map((at) => right[at] as DiscoverImage) };
  });
}

/** From this share of wrong images on, ticks of a few of them cannot tell a weak network from a frequent shortcut. */
const MANY_WRONG = 0.2;

/** Says how many images are wrong, and what a hidden group can hide at most. */
export function boundText(of: ClassCounts): string {
  const bound = errorBound(of);
  const counted = `${of.wrong} of ${of.images} images are wrong.`;
  if (of.wrong / of.images > MANY_WRONG) {
    return `${counted} These are many: perhaps the network is weak, perhaps a shortcut often misleads it. Ticks of a few images cannot tell which, and repair little.`;
  }
  const [of5, of20] = [0.05, 0.2].map((share) => bound / share) as [number, number];
  const most = (share: number): string => `is wrong in at most ${(100 * share).toFixed(1)} % of its images`;
  if (of20 >= 1)
    return `${counted} That is too many to exclude anything: with 95 % confidence, a hidden group of a fifth of the class may always be wrong.`;
  const little = of5 < 0.1 ? ' There is hardly anything to find.' : '';
  const small = of5 >= 1 ? 'may always be wrong' : most(of5);
  return `${counted} With 95 % confidence, a hidden group of 5 % of the class ${small}, and one of 20 % ${most(of20)}.${little}`;
}

/** A class's images, and those of them that are wrong. */
export function countsOf(images: readonly DiscoverImage[]): ClassCounts {
  return { images: images.length, wrong: images.filter(({ margin }) => margin <= 0).length };
}

/** Makes the page on which images are ticked: the lowest margins of the explored half of each class, next to random right images. */
export async function explorePage(
  result: DiscoverResult,
  dataset: Dataset,
  all: ReturnType<typeof classesOf>,
): Promise<string> {
  const classes = all.toSorted((a, b) => b.counts.wrong - a.counts.wrong).slice(0, MAX_CLASSES);
  const sections: PageSection[] = [];
  for (const [i, of] of classes.entries()) {
    const body = html`<p>${boundText(of.counts)}</p>
      <h3>Lowest margins</h3>
      ${await grid(dataset, of.lowest)}
      <h3>Random images that are right</h3>
      ${await grid(dataset, of.right)}`;
    sections.push({ id: `class-${i}`, title: of.name, body });
  }
  sections.push({ id: 'keep', title: 'Save', body: SAVE });
  const how =
    result.ranking === 'network'
      ? `by the network of ${result.network}`
      : `by logistic regressions on the features of ${result.network}, fitted on halves without the image`;
  const lead = html`Which images does a model get wrong that has not seen them, and what do they share?
  Margins are ${how}. Tick the images that share something, in any of the grids, and give it a name. Every
  class has lowest margins: what they share is a guess until it is tested on images that you have not seen.`;
  const key = `${result.fingerprint.slice(0, 16)}-${result.seed}-${result.ranking}-${result.network}`;
  return page(`What do wrong images of ${dataset.name} share?`, lead, sections, { key, file: 'ticks.csv' });
}

const SAVE = html`<p>
    A repair takes the table as groups: <code>train dfr --from RUN --ticks ticks.csv</code>. A test takes the
    name: <code>discover --test NAME --class CLASS</code>.
  </p>
  <p class="bar">
    <label>Name <input id="name" maxlength="80" placeholder="snow" /></label>
    <button id="save" type="button">Save ticks.csv</button> <span id="count"></span>
  </p>`;

/** Makes the page of a test: batches of images by their paths, of which nothing else is shown. */
export async function testPage(
  question: string,
  batches: readonly (readonly string[])[],
  dataset: Dataset,
  data: Readonly<Record<'key' | 'file' | 'test', string> & Record<'batches' | 'enough', number>>,
): Promise<string> {
  const grids: Markup[] = [];
  let count = 0;
  for (const batch of batches) {
    const images = batch.map((path) => ({ path, class: '', id: String((count += 1)) }));
    grids.push(html`<div class="batch" hidden>${await grid(dataset, images)}</div> `);
  }
  const body = html`${grids}
    <div id="again" hidden>
      <p>Some images are shown once more. Tick those that show it, as if you had not seen them before.</p>
      <div class="ticks"></div>
      <p class="bar"><button id="save" type="button">Save ${data.file}</button></p>
    </div>
    <p class="bar"><button id="next" type="button">Done</button> <span id="count"></span></p>`;
  const lead = html`Tick every image that shows it; if you are unsure, do not.`;
  const section = { id: 'test', title: 'Images', body };
  return page(question, lead, [section], data);
}

function page(
  title: string,
  lead: Markup,
  sections: readonly PageSection[],
  data: Readonly<Record<string, string | number>>,
): string {
  const attributes = Object.entries(data).map(([name, value]) => html` data-${name}="${value}"`);
  const styled = html`<style>
      ${new Markup(STYLE)}
    </style>
    <span${attributes}>${lead}</span>`;
  return htmlPage(title, styled, sections, asset('ticks.js'));
}

/** Images that can be ticked, with their names in the table of ticks. */
async function grid(
  dataset: Dataset,
  images: readonly (Pick<DiscoverImage, 'path' | 'class'> & { readonly id?: string })[],
): Promise<Markup> {
  const known = new Map(dataset.examples.map((example) => [example.filename, example]));
  const made = await Promise.all(
    images.map(async ({ path, class: name, id = path }, i) => {
      const { dataUri } = await thumbnail(dataset, known.get(path) as Example);
      return html`<label class="tick"
        ><img src="${dataUri}" alt="" /><input
          type="checkbox"
          aria-label="image ${i + 1}"
          data-path="${id}"
          data-class="${name}"
      /></label> `;
    }),
  );
  return html`<div class="ticks" role="group" aria-label="${plural(images.length, 'image')}">${made}</div>`;
}
