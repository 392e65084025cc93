import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../src/data/dataset.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { exportFolder } from '../../src/extras/exportFolder.js';
import { adopt, trainDfr, trainErm } from '../../src/train/methods.js';
import { namedPreprocessing } from '../../src/train/namedPreprocessing.js';
import { openRun } from '../../src/train/runFolder.js';
import { spurmem } from '../cli/support.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { python, reference, THREADS } from './python.js';

/** Of probabilities: batch-norm is folded into the convolutions. */
const TOLERANCE = 2e-5;

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const common = { data, device: 'cpu', threads: THREADS, batchSize: 24 } as const;
const refused = {
  gelu_new: { hidden_act: 'gelu_new' },
  quick_gelu: { hidden_act: 'quick_gelu' },
  heads: { num_attention_heads: 6 },
  narrow: { intermediate_size: 512, num_hidden_layers: 6 },
};
let dataset: Dataset;
let expected: Readonly<Record<string, readonly (readonly number[])[]>>;

beforeAll(async () => {
  dataset = await tinyDominoes(data, {}, 0, 64);
  const images = [...dataset.splits.test].map((index) => dataset.examples[index]?.filename);
  const settings = { data, folder, images, classes: dataset.targetNames, refused, threads: THREADS };
  expected = JSON.parse(reference('hub', settings)) as typeof expected;
});

/** Compares a run's probabilities with those of the library. */
async function compared(name: string, run: string, isReversed = false): Promise<void> {
  const { rows = [] } = await evaluateRun({ run, split: 'test', rows: true, threads: THREADS });
  const [first = '', second = ''] = isReversed ? dataset.targetNames.toReversed() : dataset.targetNames;
  const theirs = expected[name] ?? [];
  const predicted = theirs.map(([a = 0, b = 0]) => (a > b ? first : second));
  expect(rows.map(({ prediction }) => prediction)).toEqual(predicted);
  // Some of both classes, or the comparison would tell little.
  expect(new Set(predicted).size).toBe(2);
  const ours = Float64Array.from(rows, (row) => row[`p_${first}`] as number);
  const difference = maxDifference(
    ours,
    Float64Array.from(theirs, ([p = 0]) => p),
  );
  expectWithin(`${name}, probabilities`, difference, TOLERANCE);
}

test.each([
  ['hf-vit', 'vit_tiny_patch16_224'],
  ['hf-vit-unbiased', 'vit_tiny_patch16_224'],
  ['hf-vit-state', 'vit_tiny_patch16_224'],
  ['hf-resnet', 'resnet18'],
  ['hf-resnet50', 'resnet50'],
  ['timm-vit_tiny_patch16_224', 'vit_tiny_patch16_224'],
  ['timm-resnet18', 'resnet18'],
])('a folder %s is adopted with its library\u2019s probabilities', async (name, arch) => {
  const out = join(folder, `run-${name}`);
  const told: string[] = [];
  const onWarning = (text: string): void => void told.push(text);
  await adopt({ ...common, weights: join(folder, name), out, onWarning });
  expect(told).toEqual([]);
  const { config } = await openRun(out);
  // By name: their outputs have the other order.
  expect([config.arch, config.classes]).toEqual([arch, [1, 0]]);
  await compared(name, out);
});

test('fields that no built-in network has are refused by name, with a line that exports the model', async () => {
  const refuse = (name: string, ...parts: readonly string[]) =>
    failure(
      adopt({ ...common, weights: join(folder, name), out: join(folder, 'none') }),
      'WEIGHTS_INVALID',
      ...parts,
    );
  await refuse('gelu_new', 'hidden_act is gelu_new, not gelu', 'examples/export.py --hf', 'gelu_new.pt2');
  await refuse('quick_gelu', 'hidden_act is quick_gelu, not gelu');
  await refuse('heads', 'num_attention_heads is 6, not 3');
  await refuse('narrow', 'num_hidden_layers is 6, not 12; intermediate_size is 512, not 768');
  const other = async (name: string, of: string, change: object): Promise<void> => {
    await cp(join(folder, of), join(folder, name), { recursive: true });
    const path = join(folder, name, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, ...change }));
  };
  await other('bottleneck', 'hf-resnet50', { downsample_in_bottleneck: true });
  await refuse('bottleneck', 'downsample_in_bottleneck is true, not false');
  await other('deit', 'hf-vit', { model_type: 'deit' });
  await refuse('deit', 'model_type is deit, not vit or resnet');
  await other('pooled', 'timm-vit_tiny_patch16_224', { model_args: { global_pool: 'avg' } });
  await refuse('pooled', 'global_pool is avg, not token');
  await other('args', 'timm-resnet18', { model_args: { output_stride: 8 } });
  await refuse('args', 'model_args has output_stride');
  await other('timm-other', 'timm-resnet18', { architecture: 'convnext_tiny' });
  await refuse('timm-other', 'architecture is convnext_tiny');
  await other('named', 'hf-vit', { id2label: { 0: 'dog', 1: 'coat' } });
  await refuse('named', 'has the classes "dog", "coat", and the data have "pullover", "coat"');
  await other('empty', 'hf-vit', { hidden_size: 'wide' });
  await refuse('empty', 'describes no model');
  await other('out', 'hf-vit', {});
  const index = join(folder, 'out', 'model.safetensors.index.json');
  await writeFile(index, JSON.stringify({ weight_map: { a: '../hf-resnet/model.safetensors' } }));
  await refuse('out', 'names shards that are not in its folder');
  await rm(index);
  await refuse('out', 'has none of model.safetensors, pytorch_model.bin');
  await refuse('nothing', 'there is no such file');
});

test.each([
  ['hf-swin', 'model_type is swin, not vit or resnet', [1, 0]],
  ['hf-deit', 'model_type is deit, not vit or resnet', undefined],
] as const)(
  'the line that refuses %s exports it, with the same probabilities',
  async (name, problem, classes) => {
    const [weights, out] = [join(folder, name), join(folder, `run-${name}`)];
    const { message } = await failure(adopt({ ...common, weights, out }), 'WEIGHTS_INVALID', problem);
    const [, line = ''] = /^ +\S+ (\S*export\.py .*)$/m.exec(message) ?? [];
    python(line.split(' '));
    await adopt({ ...common, weights: `${weights}.pt2`, preprocessing: weights, classes, out });
    await compared(name, out, classes === undefined);
  },
);

test('parts of checkpoints: an entry, a head in another file, one of two outputs', async () => {
  const at = (file: string): string => join(folder, file);
  const vit = {
    arch: 'vit_tiny_patch16_224',
    layerNormEps: 1e-6,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  } as const;
  const input = { ...vit, resize: null, crop: null, ...common };
  const head = at('head.pth');
  const adopted = async (
    name: string,
    weights: string,
    told: string,
    expectedOf = 'parts',
    more: object = input,
  ) => {
    const out = at(`run-${name}`);
    const lines: string[] = [];
    await adopt({ ...more, ...common, weights, out, onInfo: (text) => void lines.push(text) });
    expect(lines.join(' ')).toContain(told);
    await compared(expectedOf, out);
  };
  await adopted(
    'dino',
    `${at('dino.pth')}#teacher`,
    'without the prefix backbone., leaving out head.mlp.0.weight',
    'parts',
    {
      ...input,
      head,
    },
  );
  await adopted('dino-deeper', `${at('dino.pth')}#teacher.backbone`, '', 'parts', { ...input, head });
  await adopted('mae', at('mae.pth'), 'leaving out mask_token, decoder_embed.weight', 'parts', {
    ...input,
    head: `${head}#state_dict.module.linear`,
  });
  const plain = { resize: null, crop: null, mean: vit.mean, std: vit.std, output: 1 };
  await adopted('two', at('two.pt2'), '', 'two', plain);

  const refuse = (
    weights: string,
    more: object,
    code: 'WEIGHTS_INVALID' | 'MODEL_INVALID' | 'USAGE',
    ...parts: string[]
  ) => failure(adopt({ ...input, weights: at(weights), out: at('none'), ...more }), code, ...parts);
  await refuse(
    'two.pt2',
    {},
    'MODEL_INVALID',
    'it gives 2 outputs',
    'Choose them with `output`, counted from 0',
  );
  await refuse('two.pt2', { output: 2 }, 'MODEL_INVALID', 'it gives 2 outputs, and none is numbered 2');
  await refuse(
    'random.pt2',
    {},
    'MODEL_INVALID',
    'aten.rand',
    'set drop_path_rate=0, or export model.eval()',
  );
  await refuse('mae.pth', {}, 'WEIGHTS_INVALID', 'has no head: head.weight is missing', 'as `head`');
  await refuse('mae.pth', { output: 0 }, 'USAGE', 'only a file of torch.export has several');
  await refuse(
    'mae.pth',
    { head: at('mae.pth') },
    'WEIGHTS_INVALID',
    'should hold one linear layer',
    'blocks.0.attn.qkv.weight',
  );
  // Its names, not its head.
  await refuse('head.pth', {}, 'WEIGHTS_INVALID', 'does not fit vit_tiny_patch16_224');
  await refuse(
    'hf-vit-state/pytorch_model.bin',
    {},
    'WEIGHTS_INVALID',
    'give the folder with its config.json',
  );
  await refuse(
    'dino.pth#pupil',
    {},
    'WEIGHTS_INVALID',
    'no tensors under "pupil", but "student", "teacher", "epoch"',
  );
  await refuse(
    'hf-vit-unbiased/model.safetensors#x',
    {},
    'WEIGHTS_INVALID',
    'none of its tensors begins with "x."',
  );
  const { message } = await refuse('dino.pth', {}, 'WEIGHTS_INVALID', `dino.pth#student`);
  const [, line = ''] = /^ +(import torch.*)$/m.exec(message) ?? [];
  python(['-c', line]);
  await refuse('dino.state_dict.pth', {}, 'WEIGHTS_INVALID', 'has no head');
  const pooled = await refuse('mae-finetuned.pth', {}, 'WEIGHTS_INVALID', 'It averages patches (fc_norm)');
  const [, mend = ''] = /^ +(import timm.*)$/m.exec(pooled.message) ?? [];
  python(['-c', `import os; os.chdir(${JSON.stringify(folder)}); ${mend}`]);
  await adopt({ ...common, weights: at('model.pt2'), preprocessing: 'vit', out: at('run-pooled') });
});

test('training starts from a folder, too: with its architecture, input and a new head for other classes', async () => {
  const out = join(folder, 'trained');
  await trainErm({ ...common, weights: join(folder, 'hf-vit'), out, epochs: 1, lr: 1e-4 });
  const { config } = await openRun(out);
  expect(config).toMatchObject({ arch: 'vit_tiny_patch16_224', layerNormEps: 1e-12, patchSize: 16 });
  expect(config).toMatchObject({ resize: null, crop: null, mean: [0.5, 0.5, 0.5] });
});

test('repaired models go back to transformers and timm, with the same logits', async () => {
  const networks = [
    ['hf-vit', 'transformers'],
    ['hf-resnet', 'transformers'],
    ['timm-vit_tiny_patch16_224', 'timm'],
    ['timm-resnet18', 'timm'],
  ] as const;
  const back = [];
  for (const [name, library] of networks) {
    const repaired = join(folder, `repaired-${name}`);
    const from = join(folder, `run-${name}`);
    // A ResNet's head of last-layer retraining on so few images is huge, and hides its logits in rounding.
    if (name === 'hf-vit')
      await trainDfr({ from, out: repaired, draws: 1, threads: THREADS, onWarning: () => undefined });
    else await trainErm({ from, out: repaired, epochs: 1, lr: 1e-4, select: 'last', threads: THREADS });
    const { rows = [] } = await evaluateRun({ run: repaired, split: 'test', rows: true, threads: THREADS });
    // The margin is the difference of the two logits.
    const ours = rows.map((row) => (row.class === dataset.targetNames[0] ? 1 : -1) * row.margin);
    const { config, weights } = await openRun(repaired);
    const exported = await exportFolder(repaired, join(folder, `exported-${name}`));
    back.push({
      name,
      library,
      ours,
      arch: config.arch,
      weights,
      exported,
      eps: config.layerNormEps ?? 1e-6,
    });
  }
  const images = [...dataset.splits.test].map((index) => dataset.examples[index]?.filename);
  const settings = { data, images, back, classes: dataset.targetNames, threads: THREADS };
  const theirs = JSON.parse(reference('hub_back', settings)) as Record<
    string,
    readonly (readonly number[])[]
  >;
  for (const { name, ours } of back) {
    const [inTransformers, inTimm] = ['transformers', 'timm'].map((library) =>
      Float64Array.from((theirs[`${name} ${library}`] ?? []).flat()),
    ) as [Float64Array, Float64Array];
    expectWithin(`${name}, repaired, logits of both libraries`, maxDifference(inTransformers, inTimm), 1e-5);
    // Batch-norm is folded in evaluation: relative to the logits, whose difference a margin is.
    const margins = Float64Array.from(ours, (_, i) => (inTimm[2 * i] ?? 0) - (inTimm[2 * i + 1] ?? 0));
    const largest = Math.max(...inTimm.map(Math.abs));
    const difference = maxDifference(Float64Array.from(ours), margins) / largest;
    expectWithin(`${name}, repaired, logits here and there`, difference, 5e-5);
  }
  const again = join(folder, 'again');
  await adopt({ ...common, weights: join(folder, 'exported-hf-vit'), out: again });
  expect((await evaluateRun({ run: again, threads: THREADS })).accuracies).toEqual(
    (await evaluateRun({ run: join(folder, 'repaired-hf-vit'), threads: THREADS })).accuracies,
  );
  await failure(exportFolder(again, join(folder, 'exported-hf-vit')), 'RUN_EXISTS', 'holds a model already');
  await failure(exportFolder(join(folder, 'run-two'), join(folder, 'x')), 'USAGE', 'is of two.pt2');
});

test('the command of a training method has the line that exports, too', async () => {
  const words = ['train', 'erm', '--data', data, '--weights', join(folder, 'hf-swin')];
  const { stderr } = await spurmem(words);
  expect(stderr).toMatch(
    /train that file as --arch, or adopt it:\n {2}\S+ \S+export\.py --hf \S+hf-swin \S+hf-swin\.pt2/,
  );
  expect(stderr).not.toContain('preprocessing');
});

test('an image processor\u2019s file gives the input', async () => {
  const path = join(folder, 'preprocessor_config.json');
  const half = [0.5, 0.5, 0.5];
  const of = async (content: object) => {
    await writeFile(path, JSON.stringify({ image_mean: half, image_std: half, resample: 3, ...content }));
    return namedPreprocessing(path);
  };
  const common = { interpolation: 'bicubic', mean: half, std: half } as const;
  const type = (name: string) => ({ image_processor_type: `${name}ImageProcessor` });
  const square = { height: 224, width: 224 };
  expect(await of({ size: square, ...type('ViT') })).toEqual({ resize: [224, 224], crop: null, ...common });
  expect(await of({ size: 224, feature_extractor_type: 'ViTFeatureExtractor' })).toEqual(
    await of({ size: square }),
  );
  const crop = { do_center_crop: true, crop_size: 224 };
  const bit = { resize: 256, crop: [224, 224], ...common };
  expect(await of({ size: { shortest_edge: 256 }, ...crop, ...type('Bit') })).toEqual(bit);
  expect(await of({ size: 256, ...crop, ...type('Bit') })).toEqual(bit);
  const convnext = (edge: number) =>
    of({ size: { shortest_edge: edge }, crop_pct: 0.875, ...type('ConvNext') });
  expect(await convnext(224)).toEqual({ ...bit, resize: 256 });
  expect(await convnext(384)).toEqual({ ...bit, resize: [384, 384], crop: null });
  expect(await of({ do_resize: false, do_normalize: false })).toEqual({
    resize: null,
    crop: null,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  });
  // A folder stands for the file in it; timm's is config.json.
  expect(await namedPreprocessing(join(folder, 'timm-resnet18'))).toMatchObject({ std: [0.25, 0.25, 0.25] });
  expect(await namedPreprocessing(join(folder, 'hf-vit'))).toMatchObject({ resize: null, mean: half });
  await failure(of({ size: square, resample: 1 }), 'USAGE', 'only 2 (bilinear) and 3 (bicubic)');
  await failure(of({ size: square, do_rescale: false }), 'USAGE', 'only true is supported');
  await failure(of({}), 'USAGE', 'size is missing');
});
