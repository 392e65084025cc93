import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SpurmemError } from '../../src/errors.js';
import { readModelFolder } from '../../src/models/modelFolder.js';
import { weightsFiles } from '../../src/models/weightsFile.js';
import { namedPreprocessing } from '../../src/train/namedPreprocessing.js';
import { failure } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const vit = {
  model_type: 'vit',
  hidden_size: 384,
  num_attention_heads: 6,
  intermediate_size: 1536,
  patch_size: 32,
  layer_norm_eps: 1e-5,
  image_size: 224,
  id2label: { 0: 'cat', 1: 'dog', 10: 'cow', 2: 'emu' },
};

/** Writes a model's folder with this content. */
async function described(content: string): Promise<string> {
  const path = join(folder, 'model');
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'config.json'), content);
  await writeFile(join(path, 'preprocessor_config.json'), content);
  await writeFile(join(path, 'model.safetensors.index.json'), content);
  return path;
}

test('config.json gives the network, and names in the order of outputs', async () => {
  const found = await readModelFolder(
    await described(JSON.stringify({ ...vit, id2label: { 1: 'dog', 0: 'cat' } })),
  );
  expect(found).toMatchObject({
    network: { arch: 'vit_small_patch16_224', patchSize: 32, layerNormEps: 1e-5 },
    imageSize: [224, 224],
    labels: ['cat', 'dog'],
  });
  // Names with gaps, and placeholders, are none.
  expect((await readModelFolder(await described(JSON.stringify(vit))))?.labels).toBeUndefined();
  const placeholders = { ...vit, id2label: { 0: 'LABEL_0', 1: 'LABEL_1' } };
  expect((await readModelFolder(await described(JSON.stringify(placeholders))))?.labels).toBeUndefined();
  await failure(
    readModelFolder(await described(JSON.stringify({ ...vit, hidden_size: 500, num_channels: 1 }))),
    'WEIGHTS_INVALID',
    'hidden_size is 500, not 192 or 384 or 768',
  );
});

test('200 damaged descriptions: a model, or one error', async () => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const values = [
    'null',
    '-1',
    '1e999',
    '"x"',
    '[]',
    '{}',
    '0',
    '[1,2,3]',
    '"__proto__"',
    '1e9',
    'true',
    '"../x"',
  ];
  const starts = [
    vit,
    {
      model_type: 'resnet',
      depths: [3, 4, 6, 3],
      hidden_sizes: [256, 512, 1024, 2048],
      layer_type: 'bottleneck',
    },
    {
      architecture: 'vit_tiny_patch16_224',
      pretrained_cfg: { input_size: [3, 224, 224], mean: [0, 0, 0], std: [1, 1, 1] },
    },
    {
      image_processor_type: 'ViTImageProcessor',
      size: 224,
      resample: 2,
      image_mean: [0, 0, 0],
      image_std: [1, 1, 1],
    },
    { weight_map: { 'a.weight': 'model-1.safetensors', 'b.weight': 'model-2.safetensors' } },
  ];
  let refused = 0;
  for (let i = 0; i < 200; i += 1) {
    let text = JSON.stringify(starts[i % starts.length]);
    for (let change = 0; change <= random(3); change += 1) {
      const fields = [...text.matchAll(/:("[^"]*"|[\d.e-]+|\[[^\]]*\])/g)];
      const field = fields[random(fields.length || 1)];
      if (field !== undefined && random(4) > 0)
        text = `${text.slice(0, field.index + 1)}${values[random(values.length)] ?? ''}${text.slice(field.index + field[0].length)}`;
      else
        text =
          text.slice(0, random(text.length)) +
          String.fromCharCode(random(256)) +
          text.slice(random(text.length));
    }
    const path = await described(text);
    for (const job of [
      () => readModelFolder(path),
      () => namedPreprocessing(path),
      () => weightsFiles(path),
    ]) {
      const error: unknown = await job().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      refused += 1;
      if (!(error instanceof SpurmemError)) throw new Error(text, { cause: error });
      expect(error.message).toContain(path);
    }
  }
  expect(refused).toBeGreaterThan(200);
});
