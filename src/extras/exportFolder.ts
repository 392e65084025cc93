// The command `export`: a run's model as transformers' save_pretrained writes it.
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { addJob } from '../cli/job.js';
import { ownOptions } from '../cli/options.js';
import type { Preprocessing } from '../data/preprocessing.js';
import { invalidParameter, SpurmemError, usageError } from '../errors.js';
import { makeFolder, removeLeftovers, writeJson } from '../files.js';
import { architectureOf } from '../models/architectures.js';
import { RESNETS, VIT_WIDTHS } from '../models/modelFolder.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../models/safetensors.js';
import { readRunData } from '../train/runData.js';
import { isFile, type OpenedRun, openRun } from '../train/runFolder.js';

type Tensors = Readonly<Record<string, TensorData>>;

const OPTIONS = ownOptions<{ readonly run: string; readonly hf: string }>((command) =>
  command
    .requiredOption('--run <run>', 'run folder of a ViT or ResNet')
    .requiredOption('--hf <folder>', 'folder to write, which from_pretrained of transformers reads'),
);

export function addCommand(command: Command): void {
  addJob(command, [OPTIONS], async ({ run, hf }, output) => {
    const folder = await exportFolder(run, hf);
    const line = `AutoModelForImageClassification.from_pretrained(${JSON.stringify(folder)})`;
    output.result(`Model: ${folder}\nIn Python: ${line}`, { folder });
  });
}

const FILES = ['config.json', 'preprocessor_config.json', 'model.safetensors'];

/**
 * Writes a run's selected weights with transformers' names, its configuration and its input. Throws `USAGE` for a network that transformers' ViT and ResNet
 * do not have, and `RUN_EXISTS` for a folder with a model.
 */
export async function exportFolder(path: string, out: string): Promise<string> {
  const run = await openRun(path);
  const { config } = run;
  if (out === '') throw invalidParameter('hf', out, 'a folder');
  const folder = resolve(out);
  const [hasConfig, hasProcessor, hasModel] = await Promise.all(
    FILES.map((name) => isFile(join(folder, name))),
  );
  // The processor's file is written first: with it, the model is one of this command that was stopped.
  if (hasConfig === true || (hasModel === true && hasProcessor === false)) {
    const advice = ['Choose another folder.'];
    throw new SpurmemError('RUN_EXISTS', `${folder} holds a model already. Nothing was changed.`, { advice });
  }
  const { tensors } = await readSafetensors(run.weights);
  const { targetNames, preprocessing } = await readRunData(run);
  if (preprocessing === undefined)
    throw new SpurmemError('RUN_INVALID', `${path} does not record its input: train it anew.`);
  const isVit = architectureOf(config.arch).family === 'vit';
  const described = isVit ? vitConfig(run, tensors, preprocessing) : resnetConfig(run, path);
  const names = Object.fromEntries(targetNames.entries());
  await makeFolder(folder);
  await removeLeftovers(folder, (name) => FILES.includes(name));
  const [ofModel, ofProcessor, weights] = FILES.map((name) => join(folder, name)) as [string, string, string];
  await writeJson(ofProcessor, processorOf(preprocessing));
  await writeSafetensors(weights, renamed(tensors, isVit ? VIT : RESNET));
  await writeJson(ofModel, {
    ...described,
    num_channels: 3,
    id2label: names,
    label2id: Object.fromEntries(targetNames.map((name, i) => [name, i])),
    dtype: 'float32',
  });
  return folder;
}

function vitConfig(
  { config, environment }: OpenedRun,
  tensors: Tensors,
  preprocessing: Preprocessing,
): object {
  const [, positions = 1, width = 0] = tensors.pos_embed?.shape ?? [];
  const patch = tensors['patch_embed.proj.weight']?.shape[2] ?? 16;
  const side = Math.sqrt(positions - 1) * patch;
  const { resize, crop } = preprocessing;
  // Images that are neither resized nor cropped have one size.
  const [, whole] = environment.input?.images ?? [];
  const [height, rest] = crop ?? (Array.isArray(resize) ? resize : (whole ?? [side, side]));
  return {
    architectures: ['ViTForImageClassification'],
    model_type: 'vit',
    hidden_size: width,
    num_hidden_layers: 12,
    num_attention_heads: width / 64,
    intermediate_size: 4 * width,
    hidden_act: 'gelu',
    image_size: height === rest ? height : [height, rest],
    patch_size: patch,
    layer_norm_eps: config.layerNormEps ?? 1e-6,
    qkv_bias: true,
  };
}

function resnetConfig({ config: { arch } }: OpenedRun, path: string): object {
  const [key] = Object.entries(RESNETS).find(([, name]) => name === arch) ?? [];
  if (key === undefined) {
    const known = [...Object.values(VIT_WIDTHS), ...Object.values(RESNETS)].join(', ');
    throw usageError(
      'run',
      path,
      `a run of ${known}`,
      `${path} is of ${arch}, which transformers\u2019 ViT and ResNet are not.`,
      `Load its weights into the network that it was exported or built from: the guide has the lines.`,
    );
  }
  const [layer = '', depths = ''] = key.split(' ');
  return {
    architectures: ['ResNetForImageClassification'],
    model_type: 'resnet',
    layer_type: layer,
    depths: depths.split(',').map(Number),
    hidden_sizes: [64, 128, 256, 512].map((size) => (layer === 'basic' ? size : 4 * size)),
    embedding_size: 64,
    hidden_act: 'relu',
    downsample_in_first_stage: false,
    downsample_in_bottleneck: false,
  };
}

/** transformers' image processor that prepares images as a run's evaluation does. */
function processorOf({ resize, interpolation, crop, mean, std }: Preprocessing): object {
  const [height, width] = Array.isArray(resize) ? resize : [];
  return {
    image_processor_type: crop === null ? 'ViTImageProcessor' : 'BitImageProcessor',
    do_resize: resize !== null,
    ...(resize === null
      ? {}
      : { size: typeof resize === 'number' ? { shortest_edge: resize } : { height, width } }),
    resample: interpolation === 'bicubic' ? 3 : 2,
    do_center_crop: crop !== null,
    ...(crop === null ? {} : { crop_size: { height: crop[0], width: crop[1] } }),
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}

type Renaming = readonly (readonly [RegExp, (...found: string[]) => string])[];

const LAYER = 'vit.encoder.layer';
const VIT: Renaming = [
  [/^cls_token$/, () => 'vit.embeddings.cls_token'],
  [/^pos_embed$/, () => 'vit.embeddings.position_embeddings'],
  [/^patch_embed\.proj\./, () => 'vit.embeddings.patch_embeddings.projection.'],
  [/^blocks\.(\d+)\.attn\.proj\./, (_, n) => `${LAYER}.${n}.attention.output.dense.`],
  [/^blocks\.(\d+)\.attn\.qkv\./, (_, n) => `${LAYER}.${n}.attention.attention.QKV.`],
  [/^blocks\.(\d+)\.mlp\.fc1\./, (_, n) => `${LAYER}.${n}.intermediate.dense.`],
  [/^blocks\.(\d+)\.mlp\.fc2\./, (_, n) => `${LAYER}.${n}.output.dense.`],
  [/^blocks\.(\d+)\.norm1\./, (_, n) => `${LAYER}.${n}.layernorm_before.`],
  [/^blocks\.(\d+)\.norm2\./, (_, n) => `${LAYER}.${n}.layernorm_after.`],
  [/^norm\./, () => 'vit.layernorm.'],
  [/^head\./, () => 'classifier.'],
];
const kind = (short: string | undefined): string => (short === 'conv' ? 'convolution' : 'normalization');
const block = (stage: string | undefined, n: string | undefined): string =>
  `resnet.encoder.stages.${Number(stage) - 1}.layers.${n}`;
const RESNET: Renaming = [
  [/^(conv|bn)1\./, (_, of) => `resnet.embedder.embedder.${kind(of)}.`],
  [
    /^layer(\d)\.(\d+)\.(conv|bn)(\d)\./,
    (_, stage, n, of, layer) => `${block(stage, n)}.layer.${Number(layer) - 1}.${kind(of)}.`,
  ],
  [
    /^layer(\d)\.(\d+)\.downsample\.([01])\./,
    (_, stage, n, of) => `${block(stage, n)}.shortcut.${kind(of === '0' ? 'conv' : 'bn')}.`,
  ],
  [/^fc\./, () => 'classifier.1.'],
];

/** Returns tensors by transformers' names; a ViT's q, k and v are apart. */
function renamed(tensors: Tensors, table: Renaming): Tensors {
  const entries = Object.entries(tensors).flatMap(([name, tensor]) => {
    const [pattern, to] = table.find(([one]) => one.test(name)) ?? [];
    const whole = pattern && to ? name.replace(pattern, to) : name;
    if (!whole.includes('.QKV.')) return [[whole, tensor] as const];
    const [rows = 0, ...rest] = tensor.shape;
    const size = tensor.data.length / 3;
    return ['query', 'key', 'value'].map((part, i) => {
      const data = tensor.data.subarray(i * size, (i + 1) * size) as Float32Array;
      return [whole.replace('QKV', part), { shape: [rows / 3, ...rest], data }] as const;
    });
  });
  return Object.fromEntries(entries);
}
