import { existsSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { native } from '../../src/native/addon.js';
import { tinyDominoes } from '../fixtures.js';
import { builtLibtorch } from '../libtorch.js';
import { temporaryFolder } from '../temporary.js';
import { answer, expectFailure, failure, failureIn, ROOT, spurmem, succeed } from './support.js';

const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
};

const folder = temporaryFolder();
const data = join(folder, 'data');
const out = join(folder, 'run');
const train = ['train', 'erm', '--data', data, '--out', out];
/** Whoever loads the addon with it fails. */
const noAddon = { SPURMEM_ADDON: join(folder, 'missing.node') };

beforeAll(async () => {
  await tinyDominoes(data);
});

test('a training without data names the option, in the words of the command line', async () => {
  const parts = [
    '--data is missing: it takes a dataset\u2019s folder. Name it, or a run to start from as --from.',
  ];
  expectFailure(await answer(['train', 'erm']), 2, ...parts);
});

test('a checkpoint is required, and a missing one is blamed on its own option', async () => {
  expect((await succeed(['adopt', '--help'])).stdout).toMatch(/--weights <file>[^-]*\(required\)/);
  const adopt = ['adopt', '--data', data, '--weights', join(folder, 'none.pt2')];
  const { stderr } = await answer(adopt);
  expect(stderr).toContain('none.pt2: there is no such file. Correct the path.');
  expect(stderr).not.toContain('--arch');
});

describe('wrong usage', () => {
  it.each([
    ['an unknown option', [...train, '--learning-rate', '1'], "unknown option '--learning-rate'"],
    ['an unknown option before a missing one', ['train', 'erm', '--dta', 'x'], 'The nearest are --data'],
    ['an unknown command', ['trane'], "unknown command 'trane'"],
    ['an unknown subcommand', ['train', 'gdro'], "unknown command 'gdro'"],
    ['an argument too many', ['dataset', 'inspect', '--data', data, 'more'], 'too many arguments'],
    ['a missing required option', ['train', 'rwg'], "required option '--data <folder>' not specified"],
    [
      'a checkpoint that is missing',
      ['adopt', '--data', data],
      "required option '--weights <file>' not specified",
    ],
    ['an option without its value', ['train', 'erm', '--data'], "'--data <folder>' argument missing"],
    [
      'a misspelled architecture',
      [...train, '--arch', 'resnet19'],
      'resnet18, resnet34, resnet50, resnet101',
    ],
    ['a learning rate of 0', [...train, '--lr', '0'], 'a number above 0'],
    ['a fraction of an epoch', [...train, '--epochs', '1.5'], 'a whole number of at least 1'],
    ['a seed too large', [...train, '--seed', '4294967296'], 'a whole number from 0 to 4294967295'],
    ['negative threads', [...train, '--threads', '-2'], 'a whole number of at least 0'],
    ['a criterion that is none', ['trace', 'unstructured', '--run', out, '--criteria', 'luck'], 'gradient'],
    ['neurons in words', ['trace', 'unstructured', '--run', out, '--top-k', '1,two'], '--top-k'],
    ['an option of another method', ['train', 'rwg', '--data', data, '--upweight', '5'], "'--upweight'"],
    ['epochs where there are none', ['train', 'dfr', '--from', out, '--epochs', '5'], "'--epochs'"],
    ['a retraining of nothing', ['train', 'dfr'], "required option '--from <run>' not specified"],
    ['an empty item', ['trace', 'unstructured', '--run', out, '--top-k', '1,,2'], '--top-k'],
    ['a sigma of 0', ['trace', 'unstructured', '--run', out, '--sigmas', '0.1,0'], 'a number above 0'],
    ['no share of neurons', ['trace', 'overlap', '--run', out, '--fraction', '0'], 'above 0 and at most 1'],
    ['a protocol that is none', ['trace', 'overlap', '--run', out, '--protocol', 'own'], 'article, released'],
  ])('exits with 2 for %s, and says what is right', async (_name, args, text) => {
    expectFailure(await answer(args, noAddon), 2, text, '--help');
    expect(existsSync(out)).toBe(false);
  });

  it('exits with 2 for a device that is none, and creates nothing', async () => {
    expectFailure(
      await answer([...train, '--device', 'nonsense']),
      2,
      '--device',
      '"nonsense"',
      'auto, cpu, cuda:n',
    );
    expect(existsSync(out)).toBe(false);
  });

  it('exits with 1 for a device that this machine lacks, and creates nothing', async () => {
    const message = await failure([...train, '--device', 'cuda:99'], 'DEVICE_UNAVAILABLE');
    expect(message).toContain('--device is "cuda:99"');
    const { version, cuda } = builtLibtorch();
    if (
      native()
        .accelerators()
        .every(({ devices }) => devices === 0)
    ) {
      expect(message).toContain(
        `PyTorch ${version} here is built for ${cuda === null ? 'CPUs' : `CUDA ${cuda}`}`,
      );
    }
    expect(existsSync(out)).toBe(false);
  });

  it('prints the help of a command without its subcommand on stderr', async () => {
    expectFailure(await spurmem(['dataset']), 2, 'Usage: spurmem dataset', 'inspect');
  });
});

/** A copy of the data whose images nobody has decoded. */
async function undecoded(name: string): Promise<string> {
  const copy = join(folder, name);
  await cp(data, copy, { recursive: true, filter: (path) => !path.includes('.spurmem') });
  return copy;
}

describe('--json', () => {
  it('prints one document on stdout and the rest on stderr', async () => {
    const fresh = await undecoded('json');
    const { stdout, stderr } = await succeed(['dataset', 'inspect', '--data', fresh, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'dominoes',
      folder: fresh,
      counts: { train: [40, 8, 6, 30], val: [4, 4, 4, 4], test: [4, 4, 4, 4] },
    });
    expect(stderr).toMatch(/^decoding images: 116 images in [\d.]+ s\n$/);
  });

  it('prints one document with the code and the message of a failed job', async () => {
    const missing = join(folder, 'missing');
    await failure(['dataset', 'inspect', '--data', missing], 'DATASET_NOT_FOUND', missing);
  });

  it.each([
    ['an unknown option', [...train, '--nonsense'], "unknown option '--nonsense'"],
    ['a missing option', ['train', 'rwg'], "required option '--data <folder>' not specified"],
    ['a wrong value', [...train, '--epochs', 'abc'], 'It takes a whole number'],
  ])('prints one document for %s', async (_name, args, text) => {
    await failureIn(noAddon, args, 'USAGE', text);
  });
});

describe('--quiet', () => {
  it('prints the result and no progress', async () => {
    const fresh = await undecoded('quiet');
    const { stdout, stderr } = await succeed(['dataset', 'inspect', '--data', fresh, '--quiet']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/G1\* pullover, digit 1 +│ +8 │ +4 │ +4 │/);
  });

  it('still prints errors', async () => {
    expectFailure(
      await spurmem(['dataset', 'inspect', '--data', join(folder, 'missing'), '--quiet']),
      1,
      'no such folder',
    );
  });
});

describe('--debug', () => {
  it('adds the stack trace of an error', async () => {
    const { exitCode, stderr } = await answer(['dataset', 'inspect', '--data', `${data}-2`, '--debug']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^ +at .+:\d+/m);
  });
});

describe('without libtorch', () => {
  it.each([
    [['--help'], 'Usage: spurmem'],
    [['train', 'erm', '--help'], '--batch-size <n>'],
    [['--version'], VERSION],
  ])('%j answers', async (args, text) => {
    const { exitCode, stdout, stderr } = await answer(args, noAddon);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(text);
  });

  it('datasets can be inspected', async () => {
    const { exitCode } = await spurmem(['dataset', 'inspect', '--data', data], noAddon);
    expect(exitCode).toBe(0);
  });
});
