import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDON, ROOT, words } from '../cli/support.js';
import { tinyDominoes } from '../fixtures.js';
import { commandsOf, readDocument } from '../house/documents.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const WEIGHTS = 'data/weights/resnet18-f37072fd.pth';

const GROUPS = [
  ['cat', 'field'],
  ['cat', 'sofa'],
  ['dog', 'field'],
  ['dog', 'sofa'],
] as const;

/** Settings that end a command within seconds; the last of two wins. */
const SMALL: Readonly<Record<string, string>> = {
  'train erm': '--epochs 1 --batch-size 16 --image-size 32 --threads 1',
  'trace unstructured': '--top-k 1 --compared-top-k 1 --null-draws 2 --samples 4 --threads 1',
};

function spurmem(given: readonly string[]): void {
  const more = SMALL[given.slice(0, 2).join(' ')]?.split(' ') ?? [];
  const sized = given.includes('--resize')
    ? more.filter((word) => !['--image-size', '32'].includes(word))
    : more;
  execFileSync(process.execPath, [join(ROOT, 'bin/spurmem.js'), ...given, ...sized, '--quiet'], {
    cwd: folder,
    env: { ...process.env, SPURMEM_ADDON: ADDON, LIBTORCH: builtLibtorch().root },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** `pets`: folders of two classes, without a split for validation, and the place of each image. */
beforeAll(async () => {
  const data = join(folder, 'dominoes');
  await tinyDominoes(data, { train: [40, 12, 12, 30] });
  const places = ['image,place'];
  for (const split of ['train', 'test']) {
    for (const [group, [pet, place]] of GROUPS.entries()) {
      mkdirSync(join(folder, 'pets', split, pet), { recursive: true });
      const from = join(data, 'images', split, String(group));
      for (const file of readdirSync(from)) {
        const image = join(split, pet, `${group}-${file}`);
        cpSync(join(from, file), join(folder, 'pets', image));
        places.push(`${image},${place}`);
      }
    }
  }
  writeFileSync(join(folder, 'pets/places.csv'), places.join('\n'));
  spurmem(
    words`train erm --data pets --attribute places.csv --held-out 0.2 --arch resnet18 --out runs/first`,
  );
  mkdirSync(join(folder, 'data/weights'), { recursive: true });
  const trained = join(folder, 'runs/first/checkpoints/epoch-1/weights.safetensors');
  for (const name of [WEIGHTS, 'model.pth']) copyFileSync(trained, join(folder, name));
});

test.each(['README.md', 'docs/guide.md'])(
  'the commands of %s for your own images run, in their order',
  (path) => {
    const blocks = readDocument(path).blocks.filter(
      ({ language, text }) => language === 'sh' && text.includes('places.csv'),
    );
    expect(blocks.length).toBeGreaterThan(0);
    rmSync(join(folder, 'runs'), { recursive: true });
    for (const { text } of blocks) {
      // What is fetched is there.
      for (const given of commandsOf(text)) if (given[0] !== 'fetch') spurmem(given);
    }
    expect(existsSync(join(folder, 'runs/pets/report.html'))).toBe(true);
  },
);
