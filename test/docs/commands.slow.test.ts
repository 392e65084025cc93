import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ADDON, type Outcome, ROOT, words } from '../cli/support.js';
import { tinyDominoes } from '../fixtures.js';
import { commandsOf, readDocument } from '../house/documents.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder, ...path);

const TRAIN = '--epochs 1 --batch-size 16 --image-size 32 --arch resnet20 --threads 1';
const TRACE = '--null-draws 0 --samples 4 --threads 1';
/** What ends a command within seconds, behind its own options: the last of two wins. The first fit counts. */
const SMALL: readonly (readonly [command: RegExp, options: string])[] = [
  [/^train erm .*--resize/, '--epochs 1 --batch-size 16 --arch resnet20 --threads 1 --resize 32 --crop 32'],
  [/^train erm .*--from/, '--epochs 1 --batch-size 16 --trainable-count 8 --threads 1'],
  [/^train finetune/, '--epochs 1 --batch-size 16 --threads 1'],
  [/^train dfr/, '--threads 1'],
  [/^adopt/, '--arch resnet20 --image-size 32 --threads 1'],
  [/^train /, TRAIN],
  [/^trace unstructured .*rewind/, `${TRACE} --rewind-epochs 1 --top-k 4`],
  [/^trace unstructured/, `${TRACE} --top-k 1 --compared-top-k 1 --repeats 1`],
  [/^trace structured/, TRACE],
  [/^trace minimal/, '--examples 1 --threads 1'],
  [/^reproduce part1 .*--data/, `--arch resnet20 --epochs 1 --batch-size 16 ${TRACE} --repeats 1`],
  [/^reproduce part1/, `${TRACE} --repeats 1`],
  [/^reproduce (?!fig10)/, TRACE],
  [/^gradcam|^reproduce fig10|^neurons/, '--samples 4 --threads 1'],
  [/^trace overlap/, '--fraction 0.01 --threads 1'],
];

/** What no test can do here, with the tests that do it. */
const ELSEWHERE: readonly (readonly [command: RegExp, test: string])[] = [
  [/^fetch /, 'test/fetch: the network'],
  [/^doctor|^reproduce quickstart/, 'scripts/quickstart.sh, scripts/try-package.sh'],
  [/^study (?!tables)/, 'test/study: many runs'],
  [/^dataset compose|^dataset dominoes/, 'test/data/compose.slow.test.ts, test/data/dominoes.test.ts'],
  [/celeba/, 'test/data/celeba.test.ts'],
  [/^memorization|^trace memorized/, 'test/study/memorization.slow.test.ts: many runs'],
  [/^completion/, 'test/cli/completion.test.ts'],
  [/\.pt2|vit_small/, 'test/train/exported.slow.test.ts, scripts/exported.sh, test/models'],
];

/** One process runs all of them, so that libtorch is loaded once. */
/** The columns of the narrowest terminal. */
const WIDTH = 80;
const tooLong: string[] = [];
/** Lines that are copied whole: paths, commands, options and JSON. */
const isCopied = (line: string): boolean => line.includes(folder) || /npx spurmem|\{"/.test(line);
const env = {
  ...process.env,
  COLUMNS: String(WIDTH),
  SPURMEM_ADDON: ADDON,
  LIBTORCH: builtLibtorch().root,
  NODE_OPTIONS: undefined,
};
const commands = fork(join(ROOT, 'test/cli/commandLines.mjs'), {
  cwd: folder,
  env,
  execArgv: [],
  silent: true,
});
afterAll(() => {
  commands.kill('SIGKILL');
});

async function spurmem(given: readonly string[]): Promise<void> {
  const [, options = ''] = SMALL.find(([command]) => command.test(given.join(' '))) ?? [];
  const args = [...given, ...options.split(' ').filter((word) => word !== ''), '--quiet'];
  commands.send(args.map((word) => word.replace(/^studies\//, `${ROOT}/studies/`)));
  const [{ exitCode, stdout, stderr }] = (await once(commands, 'message')) as [Outcome];
  // Files in JSON, Markdown and other formats have lines of their own; a path has no blanks.
  if (!/--json|--format|--manifest|study tables/.test(args.join(' ')))
    tooLong.push(
      ...stdout
        .split('\n')
        .filter((line) => line.length > WIDTH && / \S/.test(line.trim()) && !isCopied(line))
        .map((line) => `${given.slice(0, 2).join(' ')}: ${line}`),
    );
  if (exitCode !== 0) throw new Error(`spurmem ${args.join(' ')} failed:\n${stderr}`);
}

/** Images of two classes in two places, from dominoes: `place` says where each lies. */
function copyImages(
  data: string,
  to: string,
  splits: readonly string[],
  place: (of: string[]) => string,
): string[] {
  return splits.flatMap((split) =>
    ['cat field', 'cat sofa', 'dog field', 'dog sofa'].flatMap((group, i) =>
      readdirSync(join(data, 'images', split, String(i))).map((file) => {
        const image = place([split, ...group.split(' '), `${i}-${file}`]);
        mkdirSync(dirname(at(to, image)), { recursive: true });
        cpSync(join(data, 'images', split, String(i), file), at(to, image));
        return [image, split, ...group.split(' ')].join(',');
      }),
    ),
  );
}

/** Folders of classes without a split for validation, and the place of each image in a table. */
function makePets(): void {
  rmSync(at('pets'), { recursive: true, force: true });
  const rows = copyImages(
    at('data/waterbirds'),
    'pets',
    ['train', 'test'],
    ([split = '', pet = '', , file = '']) => join(split, pet, file),
  );
  const places = rows
    .map((row) => row.split(','))
    .map(([image, , , place]) => `${image ?? ''},${place ?? ''}`);
  writeFileSync(at('pets/places.csv'), ['image,place', ...places].join('\n'));
}

/** A table with names of its own, with a place and without. */
function makeTable(to: string, withPlaces: boolean): void {
  rmSync(at(to), { recursive: true, force: true });
  const rows = copyImages(at('data/waterbirds'), to, ['train', 'val', 'test'], (parts) =>
    join('all', parts.join('-')),
  );
  const lines = rows.map((row) =>
    row
      .split(',')
      .slice(0, withPlaces ? 4 : 3)
      .join(','),
  );
  const head = ['path', 'fold', 'label', ...(withPlaces ? ['background'] : [])].join(',');
  writeFileSync(at(to, 'labels.csv'), [head, ...lines].join('\n'));
}

beforeAll(async () => {
  const counts = { train: [40, 12, 12, 30], val: [6, 6, 6, 6] };
  for (const [i, name] of words`data/waterbirds planted FOLDER`.entries())
    await tinyDominoes(at(name), counts, i);
  makeTable('mine', true);
  for (const run of words`first base erm`)
    await spurmem(words`train erm --data data/waterbirds --out ${join('runs', run)} --keep-epochs 0,1`);
  mkdirSync(at('data/weights'), { recursive: true });
  const weights = at('runs/first/checkpoints/epoch-1/weights.safetensors');
  for (const name of words`data/weights/resnet18-f37072fd.pth data/weights/resnet50-11ad3fa6.pth model.pth`)
    copyFileSync(weights, at(name));
  for (const [i, run] of words`ten/seed-0 ten/seed-1 jtt/seed-0 jtt/seed-1`.entries())
    await spurmem(
      words`train ${i < 2 ? 'erm' : 'rwg'} --data data/waterbirds --out ${join('runs', run)} --seed ${i % 2}`,
    );
});

test.each(['README.md', 'docs/guide.md'])('the commands of %s run, in their order', async (path) => {
  for (const run of words`runs/pets runs/pets-dfr`) rmSync(at(run), { recursive: true, force: true });
  let ran = 0;
  for (const { language, text } of readDocument(path).blocks) {
    if (language !== 'sh') continue;
    if (text.includes('places.csv')) makePets();
    else makeTable('pets', false);
    for (const given of commandsOf(text)) {
      if (ELSEWHERE.some(([command]) => command.test(given.join(' ')))) continue;
      // The shell would name the folders.
      await spurmem(
        given.flatMap((word) =>
          word.endsWith('/seed-*') ? [0, 1].map((i) => word.replace('*', String(i))) : [word],
        ),
      );
      ran++;
    }
  }
  expect(tooLong).toEqual([]);
  expect(ran).toBeGreaterThan(path === 'README.md' ? 4 : 40);
});
