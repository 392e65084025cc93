import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDON, type Outcome, ROOT, words } from '../cli/support.js';
import { tinyDominoes } from '../fixtures.js';
import { commandsOf, readDocument } from '../house/documents.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const at = (...path: string[]): string => join(folder, ...path);

/** What ends a command within seconds, behind its own options: the last of two wins. The first fit counts. */
const SMALL: readonly (readonly [command: RegExp, options: string])[] = [
  [/^train erm/, '--epochs 1 --batch-size 16 --image-size 32 --arch resnet20 --threads 1'],
  [/^train dfr/, '--threads 1'],
  [/^trace/, '--null-draws 0 --samples 4 --threads 1 --top-k 1 --compared-top-k 1 --repeats 1'],
];

/** What no test can do here: the network (test/fetch), and the package's own set-up (scripts/try-package.sh). */
const ELSEWHERE = /^(?:fetch|doctor|build|reproduce quickstart) ?/;

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
// One process runs all of them, so that libtorch is loaded once.
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
  commands.send(args);
  const [{ exitCode, stdout, stderr }] = (await once(commands, 'message')) as [Outcome];
  // A path has no blanks.
  tooLong.push(
    ...stdout
      .split('\n')
      .filter((line) => line.length > WIDTH && / \S/.test(line.trim()) && !isCopied(line))
      .map((line) => `${given.slice(0, 2).join(' ')}: ${line}`),
  );
  if (exitCode !== 0) throw new Error(`spurmem ${args.join(' ')} failed:\n${stderr}`);
}

/** Folders of classes without a split for validation, and the place of each image in a table, from dominoes. */
function makePets(): void {
  const places = ['train', 'test'].flatMap((split) =>
    ['cat,field', 'cat,sofa', 'dog,field', 'dog,sofa'].flatMap((group, i) => {
      const [pet = '', place = ''] = group.split(',');
      const from = at('dominoes/images', split, String(i));
      mkdirSync(at('pets', split, pet), { recursive: true });
      return readdirSync(from).map((file) => {
        const image = join(split, pet, `${i}-${file}`);
        copyFileSync(join(from, file), at('pets', image));
        return `${image},${place}`;
      });
    }),
  );
  writeFileSync(at('pets/places.csv'), ['image,place', ...places].join('\n'));
}

beforeAll(async () => {
  const counts = { train: [40, 12, 12, 30], val: [6, 6, 6, 6] };
  await tinyDominoes(at('dominoes'), counts);
  makePets();
  const first = words`train erm --data dominoes --out first`;
  await spurmem(first);
  mkdirSync(at('data/weights'), { recursive: true });
  const weights = at('first/checkpoints/epoch-1/weights.safetensors');
  copyFileSync(weights, at('data/weights/resnet18-f37072fd.pth'));
});

test('the commands of README.md run, in their order', async () => {
  let ran = 0;
  for (const { language, text } of readDocument('README.md').blocks) {
    if (language !== 'sh') continue;
    for (const given of commandsOf(text)) {
      if (ELSEWHERE.test(given.join(' '))) continue;
      await spurmem(given);
      ran++;
    }
  }
  expect(tooLong).toEqual([]);
  expect(ran).toBeGreaterThan(4);
});
