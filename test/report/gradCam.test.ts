import sharp from 'sharp';
import { textTable } from '../../src/cli/textTable.js';
import { colorPng, greyPng } from '../../src/data/pictures.js';
import type { GradCamResult, HeatExample, MeanShare } from '../../src/experiments/gradCamResult.js';
import { heatTable } from '../../src/report/figures/gradCam/fig10.js';
import { drawOverlays, heatColor } from '../../src/report/figures/gradCam/overlays.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { fullReport, NAMES } from './fixtures.js';
import { pageOf } from './support.js';

const [HEIGHT, WIDTH] = [64, 32];
const share = (mean: number): MeanShare => ({ images: 100, mean, interval: [mean - 0.05, mean + 0.04] });

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
  const page = await pageOf({ ...fullReport, gradCam: result });
  const markup = page.slice(page.indexOf('<section id="grad-cam"'), page.indexOf('<section id="training"'));
  const text = markup
    .replace(/<(code|small)>|<\/(code|small)>|<\/?span[^>]*>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');
  return { markup, text };
}

let gradCam: GradCamResult;
beforeAll(async () => {
  gradCam = {
    kind: 'grad-cam',
    split: 'test',
    layer: 'layer4.1.conv2',
    cells: [2, 1],
    output: 0,
    outputName: 'pullover',
    samplesPerGroup: 128,
    seed: 5,
    coreRegion: [0.5, 0, 0.5, 1],
    before: { run: 'erm', arch: 'resnet18', checkpoint: 'a'.repeat(64) },
    after: { run: 'finetuned', arch: 'resnet18', checkpoint: 'b'.repeat(64) },
    groups: NAMES.map((_, group) => ({
      group,
      images: 128,
      core: 0.5,
      before: { blank: group, share: share(0.3 + 0.1 * group) },
      after: { blank: 2, share: share(0.55 + 0.1 * group) },
      difference: share(0.25),
    })),
    examples: await Promise.all([0, 0, 1, 2, 3].map(example)),
  };
});

test('a number for every group, before and after, and their difference', async () => {
  const { text } = await sectionOf(gradCam);
  expect(text).toContain('Grad-CAM (Fig. 10)');
  expect(text).toContain('Heat maps of layer4.1.conv2 for output 0 (pullover)');
  expect(text).toContain('At most 128 test images of each group, drawn by seed 5, the same for both models');
  expect(text).toContain('before is the run erm, after the run finetuned');
  expect(text).toMatch(
    /G2\* coat with 0 128 50\.00 % 50\.00 % \[45\.0, 54\.0\] 75\.00 % \[70\.0, 79\.0\] \+25\.00 \[\+20\.00, \+29\.00\] 2 and 2/,
  );
  expect(text).toContain('The layer has 2 x 1 cells, which are enlarged to the image');
  expect(text).toContain('50 to 100 % of an image’s height, from the top, and 0 to 100 % of its width: 50 %');
  expect(text).toContain('finetuned (resnet18), sha256 bbbbbbbbbbbb');
});

test('images beside their overlays, with a name for each', async () => {
  const { markup: section } = await sectionOf(gradCam);
  const images = [
    ...section.matchAll(
      /<img\s+src="data:image\/png;base64,[^"]+"\s+width="64"\s+height="128"\s+alt="([^"]+)"/g,
    ),
  ];
  expect(images).toHaveLength(5 * 3);
  expect(images.slice(0, 3).map(([, alt]) => alt)).toEqual([
    'image 1 of group G0 pullover with 0',
    'heat before over image 1 of group G0 pullover with 0',
    'heat after over image 1 of group G0 pullover with 0',
  ]);
  expect(section.match(/<table[ >]/g)).toHaveLength(1 + 4);
  expect(section).toContain('25.00 %');
});

test('the overlay is the image under the colour of its heat, enlarged without blur', async () => {
  const [row] = await drawOverlays([await example(2)]);
  const bytes = Buffer.from(row?.after.dataUri.split(',')[1] ?? '', 'base64');
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect([info.height, info.width]).toEqual([2 * HEIGHT, 2 * WIDTH]);
  const colorAt = (y: number, x: number): number[] => [
    ...data.subarray((y * info.width + x) * info.channels, (y * info.width + x) * info.channels + 3),
  ];
  const mixed = (heat: number): number[] =>
    (heatColor(heat).match(/\d+/g) ?? []).map((color) => Math.round(0.4 * 0.4 * 255 + 0.6 * Number(color)));
  for (const x of [0, 31, 63]) {
    expect(colorAt(0, x)).toEqual(mixed(0));
    expect(colorAt(HEIGHT - 1, x)).toEqual(mixed(0));
    expect(colorAt(HEIGHT, x)).toEqual(mixed(1));
    expect(colorAt(2 * HEIGHT - 1, x)).toEqual(mixed(1));
  }
});

test('one run alone, and a dataset without a core region', async () => {
  const alone: GradCamResult = {
    ...gradCam,
    before: null,
    groups: gradCam.groups.map((group) => ({ ...group, before: null, difference: null })),
    examples: gradCam.examples.map((of) => ({ ...of, before: null })),
  };
  const { text } = await sectionOf(alone);
  expect(text).not.toContain('before is the run');
  expect(text).toMatch(/G0 pullover with 0 128 50\.00 % 55\.00 % \[50\.0, 59\.0\] 2 /);

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

test('a damaged image is named', async () => {
  const damaged = { ...(await example(1)), image: 'data:image/png;base64,AAAA' };
  await expect(pageOf({ ...fullReport, gradCam: { ...gradCam, examples: [damaged] } })).rejects.toMatchObject(
    {
      code: 'RUN_INVALID',
      message: expect.stringContaining('images/1.png is damaged') as string,
    },
  );
});

test('the terminal\u2019s table has the same numbers', () => {
  const text = textTable(heatTable(gradCam, groupLabels(fullReport.dataset)), { color: false });
  expect(text).toContain('before: erm, after: finetuned');
  expect(text).toMatch(
    /G2\* coat with 0 *│ *128 *│ *50\.00 % *│ *50\.00 % \[45\.0, 54\.0\] *│ *75\.00 % \[70\.0, 79\.0\] *│ *\+25\.00 \[\+20\.00, \+29\.00\] *│ *2 and 2/,
  );
  expect(text).toContain('* minority group');
});
