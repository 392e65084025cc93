// Models as folders: what transformers' save_pretrained and timm's save_for_hf write.
import { join, relative } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readText } from '../files.js';
import { PACKAGE_ROOT } from '../native/addonFiles.js';
import { firstLibtorch } from '../native/libtorch.js';
import { quotedWord } from '../provenance.js';
import * as z from '../zod.js';
import { type Architecture, isArchitecture, isProgram } from './architectures.js';
import type { TensorData } from './safetensors.js';
import { isFolder } from './weightsFile.js';

export const CONFIG = 'config.json';
/** The input of a transformers model; timm's is in config.json. */
export const PREPROCESSOR = 'preprocessor_config.json';

type Tensors = Readonly<Record<string, TensorData>>;

/** A model's folder, as a built-in network. */
export interface ModelFolder {
  readonly path: string;
  readonly library: 'transformers' | 'timm';
  readonly network: {
    readonly arch: Architecture;
    readonly patchSize?: number;
    readonly layerNormEps?: number;
  };
  /** Height and width of its images; null: any. */
  readonly imageSize: readonly [number, number] | null;
  /** The outputs' names; undefined: it has none. */
  readonly labels: readonly string[] | undefined;
  /** Returns its tensors by the names of the built-in network. */
  readonly renamed: (tensors: Tensors) => Tensors;
}

const side = z.int().positive();
const sides = z.union([side.transform((one): [number, number] => [one, one]), z.tuple([side, side])]);
const names = z.union([z.array(z.string()), z.record(z.string(), z.string())]);

/** The fields of config.json that no tensor shows, with transformers' defaults. */
const vitSchema = z.object({
  num_channels: side.default(3),
  hidden_size: side.default(768),
  num_hidden_layers: side.default(12),
  num_attention_heads: side.default(12),
  intermediate_size: side.default(3072),
  hidden_act: z.string().default('gelu'),
  image_size: sides.default([224, 224]),
  patch_size: z.union([side, z.tuple([side, side])]).default(16),
  layer_norm_eps: z.number().positive().default(1e-12),
});
const resnetSchema = z.object({
  num_channels: side.default(3),
  layer_type: z.string().default('bottleneck'),
  depths: z.array(side).default([3, 4, 6, 3]),
  hidden_sizes: z.array(side).default([256, 512, 1024, 2048]),
  embedding_size: side.default(64),
  hidden_act: z.string().default('relu'),
  downsample_in_first_stage: z.boolean().default(false),
  downsample_in_bottleneck: z.boolean().default(false),
});
const timmSchema = z.object({
  architecture: z.string(),
  global_pool: z.string().optional(),
  model_args: z.record(z.string(), z.unknown()).default({}),
  label_names: names.optional(),
  pretrained_cfg: z.looseObject({
    input_size: z.tuple([side, side, side]).optional(),
    label_names: names.optional(),
  }),
});
const configSchema = z.looseObject({
  model_type: z.string().optional(),
  architecture: z.string().optional(),
  id2label: names.optional(),
});

/** timm's arguments that change no result in evaluation. */
const HARMLESS =
  /^(?:img_size|in_chans|global_pool|num_classes|drop_rate|\w+_drop_rate|drop_path_rate|weight_init|zero_init_last)$/;
export const VIT_WIDTHS = {
  192: 'vit_tiny_patch16_224',
  384: 'vit_small_patch16_224',
  768: 'vit_base_patch16_224',
} as const;
const TIMM_WIDTHS: Readonly<Record<string, keyof typeof VIT_WIDTHS>> = { tiny: 192, small: 384, base: 768 };
/** By layer_type and depths. */
export const RESNETS: Readonly<Record<string, Architecture>> = {
  'basic 2,2,2,2': 'resnet18',
  'basic 3,4,6,3': 'resnet34',
  'bottleneck 3,4,6,3': 'resnet50',
  'bottleneck 3,4,23,3': 'resnet101',
  'bottleneck 3,8,36,3': 'resnet152',
};

/** Patterns of transformers' names (of save_pretrained, and of state_dict() since 5), and timm's; none: the classifier does not read it. */
const BLOCK = /^(?:vit\.)?(?:encoder\.layer|layers)\.(\d+)\./.source;
const VIT_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^(?:vit\.)?embeddings\.cls_token$/, 'cls_token'],
  [/^(?:vit\.)?embeddings\.position_embeddings$/, 'pos_embed'],
  [/^(?:vit\.)?embeddings\.patch_embeddings\.projection\./, 'patch_embed.proj.'],
  [
    new RegExp(`${BLOCK}attention\\.(?:attention\\.)?(q|k|v)(?:uery|ey|alue|_proj)\\.`),
    'blocks.$1.attn.qkv.$2.',
  ],
  [new RegExp(`${BLOCK}attention\\.(?:output\\.dense|o_proj)\\.`), 'blocks.$1.attn.proj.'],
  [new RegExp(`${BLOCK}(?:intermediate\\.dense|mlp\\.fc1)\\.`), 'blocks.$1.mlp.fc1.'],
  [new RegExp(`${BLOCK}(?:output\\.dense|mlp\\.fc2)\\.`), 'blocks.$1.mlp.fc2.'],
  [new RegExp(`${BLOCK}layernorm_before\\.`), 'blocks.$1.norm1.'],
  [new RegExp(`${BLOCK}layernorm_after\\.`), 'blocks.$1.norm2.'],
  [/^(?:vit\.)?layernorm\./, 'norm.'],
  [/^classifier\./, 'head.'],
  [/^(?:vit\.)?pooler\..*/, ''],
];
const RESNET_NAMES: readonly (readonly [RegExp, (...found: string[]) => string])[] = [
  [/^(?:resnet\.)?embedder\.embedder\.(convolution|normalization)\./, (_, kind) => `${kindOf(kind)}1.`],
  [
    /^(?:resnet\.)?encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.(convolution|normalization)\./,
    (_, stage, block, layer, kind) =>
      `layer${Number(stage) + 1}.${block}.${kindOf(kind)}${Number(layer) + 1}.`,
  ],
  [
    /^(?:resnet\.)?encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.(convolution|normalization)\./,
    (_, stage, block, kind) =>
      `layer${Number(stage) + 1}.${block}.downsample.${kind === 'convolution' ? 0 : 1}.`,
  ],
  [/^classifier\.1\./, () => 'fc.'],
];

function kindOf(kind: string | undefined): string {
  return kind === 'convolution' ? 'conv' : 'bn';
}

/**
 * Reads a folder of save_pretrained or of timm's Hub form; undefined for a file. Throws `WEIGHTS_INVALID` naming each field of config.json that no
 * built-in network has, and the line that exports the model instead.
 */
export async function readModelFolder(path: string): Promise<ModelFolder | undefined> {
  if (!(await isFolder(path))) return undefined;
  const file = join(path, CONFIG);
  let json: unknown;
  try {
    json = JSON.parse(await readText(file));
    const config = configSchema.parse(json);
    if (config.architecture !== undefined) return { path, ...ofTimm(timmSchema.parse(json)) };
    const labels = labelsOf(config.id2label);
    if (config.model_type === 'vit') return { path, labels, ...ofVit(vitSchema.parse(json)) };
    if (config.model_type === 'resnet') return { path, labels, ...ofResnet(resnetSchema.parse(json)) };
    throw new Unmatched([`model_type is ${config.model_type ?? 'missing'}, not vit or resnet`]);
  } catch (error) {
    if (error instanceof Unmatched) {
      throw new SpurmemError(
        'WEIGHTS_INVALID',
        `${path} holds a model that no built-in network equals: ${error.message}.`,
        { parameter: 'weights', value: path, advice: exportAdvice(path), cause: error },
      );
    }
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    const problem =
      systemCode(error) === 'ENOENT'
        ? `Cannot read the weights file ${path}: it is a folder without ${CONFIG}.`
        : `${file} describes no model: ${reason}.`;
    throw new SpurmemError('WEIGHTS_INVALID', problem, {
      parameter: 'weights',
      value: path,
      advice: [
        'Name a folder of save_pretrained (transformers) or of save_for_hf (timm), or a weights file.',
      ],
      cause: error,
    });
  }
}

/** The file of a folder with the model's input. */
export function preprocessingFile({ path, library }: Pick<ModelFolder, 'path' | 'library'>): string {
  return join(path, library === 'timm' ? CONFIG : PREPROCESSOR);
}

/** Fields that no built-in network has. */
class Unmatched extends Error {
  constructor(fields: readonly string[]) {
    super(fields.join('; '));
  }
}

/** The command that exports a network, by the Python of the PyTorch that is found. */
export function exportLine(...words: readonly string[]): string {
  const script = relative(process.cwd(), join(PACKAGE_ROOT, 'examples/export.py'));
  return [firstLibtorch()?.python ?? 'python3', script, ...words].map(quotedWord).join(' ');
}

/** The advice for a model that has no built-in network: the command that exports its folder. */
function exportAdvice(folder: string): readonly string[] {
  const line = exportLine('--hf', folder, `${folder.replace(/\/+$/, '')}.pt2`);
  return [
    `Export it, then train that file as \`arch\`, or adopt it:\n  ${line}\n`,
    // Commands without this option leave the sentence out.
    `Its input is \`preprocessing\` ${quotedWord(folder)}.`,
  ];
}

/** Throws for fields that differ from what a network has. */
function require(fields: Readonly<Record<string, readonly [found: unknown, wanted: unknown]>>): void {
  const wrong = Object.entries(fields).flatMap(([name, [found, wanted]]) =>
    JSON.stringify(found) === JSON.stringify(wanted)
      ? []
      : [`${name} is ${String(found)}, not ${String(wanted)}`],
  );
  if (wrong.length > 0) throw new Unmatched(wrong);
}

function ofVit(config: z.infer<typeof vitSchema>): Omit<ModelFolder, 'labels' | 'path'> {
  const { hidden_size: width, patch_size: patch } = config;
  const arch = VIT_WIDTHS[width as keyof typeof VIT_WIDTHS] as Architecture | undefined;
  const patchSize = typeof patch === 'number' ? patch : patch[0];
  if (arch === undefined) require({ hidden_size: [width, Object.keys(VIT_WIDTHS).join(' or ')] });
  require({
    num_channels: [config.num_channels, 3],
    num_hidden_layers: [config.num_hidden_layers, 12],
    num_attention_heads: [config.num_attention_heads, width / 64],
    intermediate_size: [config.intermediate_size, 4 * width],
    hidden_act: [config.hidden_act, 'gelu'],
    patch_size: [patch, typeof patch === 'number' ? patch : [patchSize, patchSize]],
  });
  return {
    library: 'transformers',
    network: { arch: arch as Architecture, patchSize, layerNormEps: config.layer_norm_eps },
    imageSize: config.image_size,
    renamed: (tensors) => joined(renamedBy(tensors, VIT_NAMES)),
  };
}

function ofResnet(config: z.infer<typeof resnetSchema>): Omit<ModelFolder, 'labels' | 'path'> {
  const { layer_type: layer, depths } = config;
  const arch = RESNETS[`${layer} ${depths.join()}`];
  const known = Object.keys(RESNETS).join('; ');
  if (arch === undefined)
    throw new Unmatched([`layer_type and depths are ${layer} ${depths.join()}, none of ${known}`]);
  require({
    num_channels: [config.num_channels, 3],
    hidden_sizes: [
      config.hidden_sizes,
      [64, 128, 256, 512].map((size) => (layer === 'basic' ? size : 4 * size)),
    ],
    embedding_size: [config.embedding_size, 64],
    hidden_act: [config.hidden_act, 'relu'],
    downsample_in_first_stage: [config.downsample_in_first_stage, false],
    // Same names and shapes, but the stride is at another convolution.
    downsample_in_bottleneck: [config.downsample_in_bottleneck, false],
  });
  return {
    library: 'transformers',
    network: { arch },
    imageSize: null,
    renamed: (tensors) => renamedBy(tensors, RESNET_NAMES),
  };
}

function ofTimm(config: z.infer<typeof timmSchema>): Omit<ModelFolder, 'path'> {
  const { architecture: name, pretrained_cfg: given } = config;
  const pool = config.model_args.global_pool ?? config.global_pool;
  const [, size = '', patch] = /^(?:vit|deit)_(tiny|small|base)_patch(8|16|32)_\d+$/.exec(name) ?? [];
  const width = TIMM_WIDTHS[size];
  const strange = Object.keys(config.model_args).filter((key) => !HARMLESS.test(key));
  if (strange.length > 0) throw new Unmatched([`model_args has ${strange.join(', ')}`]);
  if (width === undefined && (!isArchitecture(name) || isProgram(name) || name === 'resnet20'))
    throw new Unmatched([`architecture is ${name}`]);
  require({ global_pool: [pool ?? poolOf(width), poolOf(width)] });
  const [channels = 3, ...imageSize] = given.input_size ?? [];
  require({ 'input_size of 3 channels': [channels, 3] });
  return {
    library: 'timm',
    network:
      width === undefined
        ? { arch: name as Architecture }
        : { arch: VIT_WIDTHS[width], patchSize: Number(patch), layerNormEps: 1e-6 },
    imageSize: width === undefined || imageSize.length < 2 ? null : (imageSize as [number, number]),
    labels: labelsOf(config.label_names ?? given.label_names),
    renamed: (tensors) => tensors,
  };
}

/** How timm's built-in networks pool. */
function poolOf(width: number | undefined): string {
  return width === undefined ? 'avg' : 'token';
}

/** The outputs' names in their order; undefined for transformers' placeholders (LABEL_0), and for gaps. */
function labelsOf(given: z.infer<typeof names> | undefined): readonly string[] | undefined {
  const entries = Object.entries(given ?? {}).map(([key, name]) => [Number(key), name] as const);
  const ordered = entries.toSorted(([a], [b]) => a - b);
  const isWhole = ordered.length > 0 && ordered.every(([key], i) => key === i);
  const isNamed = ordered.some(([, name]) => !/^LABEL_\d+$/.test(name));
  return isWhole && isNamed ? ordered.map(([, name]) => name) : undefined;
}

function renamedBy(
  tensors: Tensors,
  table: readonly (readonly [RegExp, string | ((...found: string[]) => string)])[],
): Tensors {
  const entries = Object.entries(tensors).flatMap(([name, tensor]) => {
    const [pattern, to] = table.find(([one]) => one.test(name)) ?? [];
    const renamed = pattern === undefined || to === undefined ? name : name.replace(pattern, to as string);
    return renamed === '' ? [] : [[renamed, tensor] as const];
  });
  return Object.fromEntries(entries);
}

/** Joins q, k and v to one layer; missing biases (qkv_bias: false) become 0. */
function joined(tensors: Tensors): Tensors {
  const result: Record<string, TensorData> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const [, layer = '', part, kind = ''] = /^(.*\.qkv)\.([qkv])\.(weight|bias)$/.exec(name) ?? [];
    if (part === undefined) result[name] = tensor;
    if (part !== 'q') continue;
    const parts = ['q', 'k', 'v'].map(
      (one) => tensors[`${layer}.${one}.${kind}`]?.data as Float32Array | undefined,
    );
    const data = new Float32Array(3 * tensor.data.length);
    if (parts.some((one) => one?.length !== tensor.data.length)) continue;
    for (const [i, one] of parts.entries()) data.set(one ?? [], i * tensor.data.length);
    const [rows = 0, ...rest] = tensor.shape;
    result[`${layer}.${kind}`] = { shape: [3 * rows, ...rest], data };
  }
  for (const [name, { shape }] of Object.entries(result)) {
    const bias = name.replace(/\.qkv\.weight$/, '.qkv.bias');
    const rows = shape[0] ?? 0;
    if (bias !== name && !Object.hasOwn(result, bias))
      result[bias] = { shape: [rows], data: new Float32Array(rows) };
  }
  return result;
}
