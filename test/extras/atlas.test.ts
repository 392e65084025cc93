import { textTable } from '../../src/cli/textTable.js';
import { neurons } from '../../src/extras/atlas/figure.js';
import type { AtlasResult } from '../../src/extras/atlas/result.js';
import type { RunReport } from '../../src/report/figure.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { withAllowedImages } from '../../src/report/writeReport.js';
import { fullReport, trace, withLostImages } from '../report/fixtures.js';
import { pageOf } from '../report/support.js';
import { atlasOf, withAtlas } from './atlas.js';

const groups = groupLabels(fullReport.dataset);
let atlas: AtlasResult;
beforeAll(async () => {
  atlas = await atlasOf();
});

async function sectionOf(report: RunReport, id = 'neuron-atlas'): Promise<string> {
  const page = await pageOf(report);
  const start = page.indexOf(`<section id="${id}"`);
  return start < 0 ? '' : page.slice(start, page.indexOf('</section>', start));
}
const plainText = (markup: string): string =>
  markup
    .replace(/<(code|small)>|<\/(code|small)>|<\/?span[^>]*>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

test('a neuron with its images, its groups compared with random neurons, and the predictions that flip', async () => {
  const markup = await sectionOf(withAtlas(atlas));
  const text = plainText(markup);
  expect(text).toContain(
    'Zeroing one neuron alone changes a group’s training accuracy beyond its 95 % interval in 1 of 1 chosen neurons, and in 0 of 1 random ones of the same layers',
  );
  expect(text).toContain('Training hardly moved 1 of 2 neurons');
  expect(text).toContain('Chosen for G2* (number 1 by gradient). Its map has 8 x 8 positions;');
  expect(text).toContain('the frame is 16 x 24 of 64 x 64 px');
  expect(text).toContain('Training changed its weights by 40.0 % of their initial norm');
  expect(text).toContain('Training hardly moved it: by 2.0 % of the norm of its initial weights');
  expect(text).toMatch(
    /G2\* coat with 0 0\.400 \[0\.300, 0\.500\] \+0\.75 \[0\.60, 0\.90\] \[−0\.30, 0\.30\] −8\.93/,
  );
  expect(text).toContain('G2* coat with 0: 5 now wrong, 0 now right. The first of each group:');
  // Of each neuron its filter, nine strongest images, three of each group; and of the flips two.
  const alts = [...markup.matchAll(/(?:alt|role="img" aria-label)="([^"]+)"/g)].map(([, alt = '']) => alt);
  expect(alts).toHaveLength(2 * (1 + 9 + 12) + 2);
  expect(alts[1]).toBe(
    'number 1 of the strongest images of conv1[9]: images/train/0.png, group G0 pullover with 0, activation 3.00',
  );
  expect(alts).toContain(
    'images/train/12.png of group G2* coat with 0: class 1, predicted 1, and 0 without the neuron',
  );
  expect(new Set(alts.map((alt) => alt === '')).has(true)).toBe(false);
  expect(markup.match(/<details>/g)).toHaveLength(3 + 1 + 2);
});

test('each image is in the page once, under what the neuron does there and the frame of its position', async () => {
  const markup = await sectionOf(withAtlas(atlas));
  expect(markup.match(/<image[^>]* id="picture-\d+"|id="picture-\d+"/g)).toHaveLength(atlas.pictures.length);
  const [first = ''] = /<svg\s+viewBox[^]*?<\/svg>/.exec(markup) ?? [];
  expect(first).toContain('viewBox="0 0 64 64"');
  expect(first).toContain('href="#picture-0"');
  expect(first).toContain(`href="${atlas.neurons[0]?.strongest[0]?.map ?? ''}"`);
  expect(first).toContain('filter="url(#heat)"');
  expect(first.match(/<rect x="8" y="8" width="24" height="16" \/>/g)).toHaveLength(2);
});

test('where images may not be shown, no section has one', async () => {
  const hidden: AtlasResult = {
    ...atlas,
    showsImages: false,
    pictures: [],
    neurons: atlas.neurons.map((neuron) => ({ ...neuron, filter: null })),
  };
  const report = withAllowedImages({ ...withAtlas(hidden), traces: [withLostImages(trace)] });
  const page = await pageOf(report);
  expect(page).not.toContain('data:image');
  const text = plainText(page);
  expect(text).toContain('No images are shown here or in other sections');
  expect(text).toContain('Strongest: images/train/0.png (G0, 3.00), ');
  expect(text).not.toContain('Sample images');
  expect(await pageOf(withAllowedImages(withAtlas(atlas)))).toContain('Sample images');
});

test('neurons without places, distances and flips', async () => {
  const bare: AtlasResult = {
    ...atlas,
    initial: null,
    neurons: atlas.neurons.map((neuron) => ({
      ...neuron,
      role: 'asked',
      chosenBy: [],
      cells: null,
      moved: null,
      flips: [],
      strongest: neuron.strongest.map((image) => ({ ...image, place: null, frame: null, map: null })),
    })),
  };
  const markup = await sectionOf(withAtlas(bare));
  const text = plainText(markup);
  expect(text).toContain('in 1 of 2 neurons; not corrected for 2 neurons.');
  expect(text).toContain('Its positions are no parts of the image.');
  expect(text).toContain('The weights before training were not kept');
  expect(text).not.toMatch(/hardly moved|that flip|NaN|undefined/);
});

test('the terminal\u2019s table has a row for each neuron', () => {
  const [table] = neurons.show(withAtlas(atlas), groups)?.tables ?? [];
  if (!table) throw new Error('no table');
  const text = textTable(table, { color: false, width: 200 });
  expect(text).toMatch(/conv1\[9\] *│ gradient: G2\* *│ G3 \+1\.25 *│ *-8\.93 G2\* \[.*\] *│ *5 *│ *40\.0/);
  expect(text).toMatch(/conv1\[30\] *│ random/);
});
