import { colorPng, greyPng } from '../../src/data/pictures.js';
import type { GradCamResult, HeatExample } from '../../src/experiments/gradCamResult.js';
import { fullReport, heatOf } from './fixtures.js';
import { pageOf } from './support.js';

const [HEIGHT, WIDTH] = [64, 32];

/** An image of one grey, with heat on its lower half. */
async function example(group: number): Promise<HeatExample> {
  const image = new Float32Array(3 * HEIGHT * WIDTH).fill(0.2 * group);
  const heat = Float32Array.from({ length: HEIGHT * WIDTH }, (_, at) => (at < (HEIGHT * WIDTH) / 2 ? 0 : 1));
  const map = { heat: await greyPng(heat, HEIGHT, WIDTH), share: 1 };
  return {
    group,
    filename: `images/${group}.png`,
    image: await colorPng(image, [HEIGHT, WIDTH]),
    before: { ...map, share: 0.25 },
    after: map,
  };
}

/** The section's markup, and its text with a space between cells. */
async function sectionOf(result: GradCamResult): Promise<{ markup: string; text: string }> {
  const page = await pageOf({ ...fullReport, made: [result] });
  const markup = page.slice(page.indexOf('<section id="fig10"'), page.indexOf('<section id="training"'));
  const text = markup
    .replace(/<(code|small)>|<\/(code|small)>|<\/?span[^>]*>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');
  return { markup, text };
}

let gradCam: GradCamResult;
beforeAll(async () => {
  gradCam = heatOf(await Promise.all([0, 0, 1, 2, 3].map(example)));
});

test('a number for every group, before and after, and their difference', async () => {
  const { text } = await sectionOf(gradCam);
  expect(text).toContain('Grad-CAM (Fig. 10)');
  expect(text).toContain('Heat maps of layer4.1.conv2 for output 0 (pullover)');
  expect(text).toContain('At most 128 test images of each group, drawn by seed 5');
  expect(text).toContain(
    'Before: erm (resnet18, sha256 aaaaaaaaaaaa); after, on the same images: finetuned (resnet18, sha256 bbbbbbbbbbbb)',
  );
  expect(text).toMatch(
    /G2\* 128 50\.0 50\.00 \[45\.00, 54\.00\] 75\.00 \[70\.00, 79\.00\] 25\.0 \[20\.0, 29\.0\] 2 2/,
  );
  expect(text).toContain('The layer has 2 x 1 cells, which are enlarged to the image');
  expect(text).toContain('50 to 100 % of an image’s height, from the top, and 0 to 100 % of its width: 50 %');
});

test('images next to their overlays, with a name for each', async () => {
  const { markup: section } = await sectionOf(gradCam);
  const images = [...section.matchAll(/<svg viewBox="0 0 32 64" role="img" aria-label="([^"]+)"/g)];
  expect(images).toHaveLength(5 * 3);
  expect(images.slice(0, 3).map(([, alt]) => alt)).toEqual([
    'image 1 of group G0 pullover with 0',
    'heat before over image 1 of group G0 pullover with 0',
    'heat after over image 1 of group G0 pullover with 0',
  ]);
  expect(section.match(/<table[ >]/g)).toHaveLength(1 + 4);
  expect(section).toContain('25.00 %');
});

test('the browser lays the heat over the image, in colours of equal steps', async () => {
  const { markup } = await sectionOf(gradCam);
  expect(markup).toMatch(
    /<filter id="grad-cam" [^>]*>\s*<feColorMatrix values="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 0 0 0 0 0\.6" \/>/,
  );
  expect(markup).toMatch(/<feFuncR type="table" tableValues="0\.000 0\.\d+ .* 0\.988"/);
  expect(markup.match(/filter="url\(#grad-cam\)"/g)).toHaveLength(5 * 2);
});

test('one run alone, and a dataset without a core region', async () => {
  const alone: GradCamResult = {
    ...gradCam,
    before: null,
    groups: gradCam.groups.map((group) => ({ ...group, before: null, difference: null })),
    examples: gradCam.examples.map((of) => ({ ...of, before: null })),
  };
  const { text } = await sectionOf(alone);
  expect(text).not.toContain('Before:');
  expect(text).toMatch(/G0 128 50\.0 55\.00 \[50\.00, 59\.00\] 2 /);

  const bare: GradCamResult = {
    ...alone,
    coreRegion: null,
    groups: alone.groups.map((group) => ({ ...group, after: { blank: 0, share: null } })),
    examples: alone.examples.map((of) => ({ ...of, after: { ...of.after, share: null } })),
  };
  const { text: unmeasured, markup } = await sectionOf(bare);
  expect(unmeasured).not.toContain('no heat');
  const heat = await greyPng(new Float32Array(HEIGHT * WIDTH), HEIGHT, WIDTH);
  const blank = gradCam.examples.map((of) => ({ ...of, after: { heat, share: null } }));
  expect((await sectionOf({ ...gradCam, examples: blank })).text.match(/no heat/g)).toHaveLength(5);
  expect(unmeasured).toContain('does not say where its images show what their class is about');
  expect(markup.replace(/base64,[^"]+/g, '')).not.toMatch(/NaN|undefined|null/);
  expect((await sectionOf({ ...gradCam, examples: [] })).text).not.toContain('Heat over');
});
