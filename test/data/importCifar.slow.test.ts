import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { loadDataset } from '../../src/data/dataset.js';
import { importDataset } from '../../src/data/import/importDataset.js';
import { reference } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { failure, put } from './support.js';

const folder = temporaryFolder();
type Row = readonly [split: string, sum: string, y: string];
let ten: readonly Row[];
let hundred: readonly Row[];

beforeAll(() => {
  [ten, hundred] = JSON.parse(reference('cifar_data', { folder })) as [Row[], Row[]];
}, 120_000);

async function rowsOf(source: string): Promise<readonly Row[]> {
  const imported = await importDataset(join(folder, source), join(folder, `out-${source.replace('/', '-')}`));
  return Promise.all(
    imported.examples.map(async ({ filename, split, y }): Promise<Row> => {
      const pixels = await sharp(join(imported.folder, filename)).raw().toBuffer();
      const sum = createHash('sha256').update(pixels).digest('hex');
      return [split, sum, imported.targetNames[y] as string];
    }),
  );
}

test('CIFAR as Python 2 and Python 3 pickle it has the pixels and labels that torchvision reads', async () => {
  expect(await rowsOf('py2/cifar-10-batches-py')).toEqual(ten);
  expect(await rowsOf('py3/cifar-10-batches-py')).toEqual(ten);
  const sorted = (rows: readonly Row[]): readonly Row[] => rows.toSorted(([, a], [, b]) => (a < b ? -1 : 1));
  expect(sorted(await rowsOf('py2/cifar-100-python'))).toEqual(sorted(hundred));
  const table = await readFile(join(folder, 'out-py2-cifar-100-python', 'metadata.csv'), 'utf8');
  expect(table).toMatch(
    /^filename,split,coarse_label,fine_label\n|^filename,split,fine_label,coarse_label\n/,
  );
});

test('a folder of CIFAR names the command that imports it', async () => {
  const source = join(folder, 'py2/cifar-10-batches-py');
  await failure(loadDataset(source), 'DATASET_NOT_FOUND', `npx spurmem dataset import ${source}`);
});

test('a pickle of anything else is refused by its name, and not run', async () => {
  const batch = async (...content: readonly string[]) => {
    await put(join(folder, 'other', 'data_batch_1'), Buffer.from(content.join(''), 'latin1'));
    return importDataset(join(folder, 'other'), join(folder, 'out-other'));
  };
  const whole = await readFile(join(folder, 'py2', 'cifar-10-batches-py', 'data_batch_1'), 'latin1');
  await failure(
    batch('\x80\x02cos\nsystem\nU\x04true\x85R.'),
    'DATASET_INVALID',
    'it is os.system instead of a dict',
  );
  await failure(
    batch(whole.replace('numpy.core.multiarray\n_reconstruct', 'subprocess\ncheck_output')),
    'DATASET_INVALID',
    'its data is subprocess.check_output instead of a numpy array',
  );
  await failure(
    batch(whole.replace('U\x02u1', 'U\x02f4')),
    'DATASET_INVALID',
    'its data are no rows of uint8',
  );
  await failure(batch(whole.slice(0, 4000)), 'DATASET_INVALID', 'data_batch_1', 'is truncated');
  await failure(
    batch(whole.replace('labels', 'labelz')),
    'DATASET_INVALID',
    'it has none of labels, fine_labels',
  );
  await failure(
    batch(whole.replace('U\x06labels](', 'U\x06labels](K\x01')),
    'DATASET_INVALID',
    'it has 31 labels, and 30 images',
  );
});
