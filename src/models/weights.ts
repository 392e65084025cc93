import { SpurmemError } from '../errors.js';
import { flawOf } from './flaws.js';
import type { Model } from './model.js';
import { exportLine, readModelFolder } from './modelFolder.js';
import { readPytorch } from './pytorchFile.js';
import { readSafetensors, type SafetensorsFile, sameShape, type TensorData } from './safetensors.js';
import { placeOf, readWeightsFile, saveLine, shown, UnusableContent, weightsFiles } from './weightsFile.js';

/** Put before every name by DataParallel and DistributedDataParallel, and by torch.compile. */
const WRAPPERS = /^(?:module\.|_orig_mod\.)+/;
/** A linear layer in an nn.Sequential that has nothing else with parameters. */
const SEQUENTIAL_HEAD = /^(fc|head)\.0\.(weight|bias)$/;

/** SubpopBench's algorithms: a torchvision or timm model without its head, a linear layer, and both again as `network`. */
const FEATURIZER = 'featurizer.network.';
const CLASSIFIER = /^classifier\.(weight|bias)$/;

/**
 * Undoes the changes that wrappers and training scripts make to parameter names: the prefixes `module.` and `_orig_mod.`, a head in an
 * nn.Sequential (`fc.0.weight` is `fc.weight`), and SubpopBench's algorithms, of which the featurizer and the classifier are kept.
 *
 * @returns the values by the names that the model's own `state_dict()` has, and what was renamed, in words
 * @throws UnusableContent when two names become the same
 */
export function canonicalNames<Value>(values: Readonly<Record<string, Value>>) {
  const changes = new Set<string>();
  let entries = Object.entries(values).map(([name, value]) => {
    const [prefix = ''] = WRAPPERS.exec(name) ?? [];
    if (prefix !== '') changes.add(`without the prefix ${prefix}`);
    return [name.slice(prefix.length), value] as const;
  });
  const has = (start: string): boolean => entries.some(([name]) => name.startsWith(start));
  if (has(FEATURIZER) && has('classifier.weight')) {
    const head = has(`${FEATURIZER}cls_token`) ? 'head' : 'fc';
    changes.add(`with ${FEATURIZER.slice(0, -1)} as the model and classifier as ${head}`);
    entries = entries.flatMap(([name, value]) => {
      if (name.startsWith(FEATURIZER)) return [[name.slice(FEATURIZER.length), value] as const];
      return CLASSIFIER.test(name) ? [[name.replace(CLASSIFIER, `${head}.$1`), value] as const] : [];
    });
  }
  const names = entries.map(([name]) => name);
  const result = new Map<string, Value>();
  for (const [name, value] of entries) {
    const [, head = '', parameter = ''] = SEQUENTIAL_HEAD.exec(name) ?? [];
    // A head of several layers is another architecture, and is reported by the names it has.
    const isAlone =
      head !== '' && !names.some((other) => other.startsWith(`${head}.`) && !other.startsWith(`${head}.0.`));
    if (isAlone) changes.add(`with ${head}.0 as ${head}`);
    const renamed = isAlone ? `${head}.${parameter}` : name;
    if (result.has(renamed)) {
      throw new UnusableContent(
        `two of its tensors are ${shown(renamed)} once the prefixes are taken off. Save one of them`,
      );
    }
    result.set(renamed, value);
  }
  return { values: Object.fromEntries(result), changes: [...changes] };
}

/** Tensors by their names. */
type Tensors = Readonly<Record<string, TensorData>>;

/** Weights by the names that a model's `state_dict()` has. */
export interface WeightsFile {
  readonly tensors: Tensors;
  /** The file's own names, which a model may have as they are. */
  readonly named: Tensors;
  /** The format and the place in the file, in words. */
  readonly source: string;
  /** The names that were changed, in words. */
  readonly changes: readonly string[];
}

/** The magic number that torch.save wrote before its zip format, as the pickled integer that a file begins with. */
const LEGACY_MAGIC = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
const PREFIX_BYTES = 512;

/**
 * Reads a weights file: safetensors, or what torch.save wrote (.pth, .pt, .pth.tar); or a model's folder. The content decides, not the name.
 * The prefixes of DataParallel and torch.compile are taken off, and a `fc.0` or `head.0` becomes `fc` or `head`.
 *
 * @throws `WEIGHTS_INVALID` naming the file and what to do
 */
export async function readWeights(path: string): Promise<WeightsFile> {
  const folder = await readModelFolder(path);
  if (folder !== undefined) {
    const read: WeightsFile[] = [];
    for (const file of await weightsFiles(path)) read.push(await readWeights(file));
    const tensors = folder.renamed(Object.assign({}, ...read.map(({ named }) => named)) as Tensors);
    return { tensors, named: tensors, source: folder.library, changes: [] };
  }
  const { file, entry } = await placeOf(path);
  const format = await formatOf(file);
  const read =
    format === 'safetensors'
      ? entryOf(await readSafetensors(file), path, entry)
      : await readPytorch(file, entry);
  const { tensors } = read;
  const source = 'keys' in read ? ['PyTorch', read.keys.join('.')].filter(Boolean).join(', ') : format;
  try {
    const { values, changes } = canonicalNames(tensors);
    return { tensors: values, named: tensors, source, changes };
  } catch (error) {
    if (!(error instanceof UnusableContent)) throw error;
    throw new SpurmemError('WEIGHTS_INVALID', `${path}: ${error.message}`, { cause: error });
  }
}

/** The tensors below an entry of a safetensors file, whose names are flat. */
function entryOf(file: SafetensorsFile, path: string, entry?: string): SafetensorsFile {
  if (entry === undefined) return file;
  const own = Object.entries(file.tensors).filter(([name]) => name.startsWith(`${entry}.`));
  const tensors = Object.fromEntries(own.map(([name, value]) => [name.slice(entry.length + 1), value]));
  if (own.length > 0) return { ...file, tensors };
  const problem = `${path}: none of its tensors begins with ${shown(`${entry}.`)}, but ${list(Object.keys(file.tensors))}.`;
  throw new SpurmemError('WEIGHTS_INVALID', problem, { advice: ['Correct the part behind #.'] });
}

async function formatOf(path: string): Promise<'safetensors' | 'pytorch'> {
  const start = await readWeightsFile(path, 'weights', async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PREFIX_BYTES), 0, PREFIX_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  });
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04')) return 'pytorch';
  // A JSON object after the 8 bytes of its length.
  if (text[8] === '{' || path.endsWith('.safetensors')) return 'safetensors';
  // Before the zip format, torch.save wrote pickles in a row, and tar files in its first year.
  const isLegacy = start.subarray(0, 32).includes(LEGACY_MAGIC) || text.slice(257, 262) === 'ustar';
  throw new SpurmemError(
    'WEIGHTS_INVALID',
    isLegacy
      ? `${path} is in PyTorch's legacy format, from before its zip format. Convert it with this line of Python:\n${saveLine(path, (file) => `torch.load(${file})`)}`
      : `${path} is neither a safetensors nor a PyTorch file${hint(text)}.`,
  );
}

/** The advice for files that users often have in place of the one that they meant. */
function hint(text: string): string {
  if (text.length === 0) return ': it is empty. Copy or download it again';
  if (text.startsWith('version https://git-lfs')) return ": it is Git LFS's pointer to one. Run git lfs pull";
  if (/^\s*<(!doctype|html)/i.test(text)) return ': it is a web page. Download the file itself';
  if (text.startsWith('\x1f\x8b')) return ': it is compressed. Unpack it with gunzip';
  return '. Copy or download it again, or save one: torch.save(model.state_dict(), ...)';
}

/** A count of training batches that old files lack; batch-norm does not use it. */
const OPTIONAL = '.num_batches_tracked';

/** The head of an adopted model. */
interface KeptHead {
  /** Its outputs that become the model's, in this order; default: all. */
  readonly classes?: readonly number[] | undefined;
  /** The file that it is in, if that is another one. */
  readonly head?: string | undefined;
}

/** How to load a weights file. */
export interface Loading {
  /** Advice for a file that does not fit. */
  readonly advice?: string;
  /** The file, if it is being read already (`readAhead`). */
  readonly content?: Promise<WeightsFile>;
  /** Set if a head of other classes is refused, not replaced. */
  readonly keepsHead?: KeptHead | undefined;
}

/** The way in which a file's weights became a model's. */
export interface Loaded {
  /** The head's parameters that keep their initial values, because the file's head has other classes. */
  readonly newHead: readonly string[];
  /** The names that were changed or left out, in words. */
  readonly changes: readonly string[];
}

/** The advice for weights of another network. */
const otherNetwork = (path: string): string =>
  `Choose the architecture that it was saved from with \`arch\`. Another network of torchvision or timm is exported by this line:\n  ${exportLine(path, `${path.replace(/\.\w+$/, '')}.pt2`)}\nAny other one, also one with other image channels in a wrapper that takes RGB, is exported as that script does it.`;

/**
 * Loads a weights file (safetensors or PyTorch, see `readWeights`) into a model. A prefix that all of the model's names have in the file,
 * such as Lightning's `model.`, is taken off. A head with another number of classes is replaced: the model keeps its own, freshly drawn one.
 *
 * @throws `WEIGHTS_INVALID` naming the missing and unexpected parameters, or those of another shape or with values that are not finite
 */
export async function loadWeights(
  model: Model,
  path: string,
  { advice, content = readWeights(path), keepsHead }: Loading = {},
): Promise<Loaded> {
  const { source, ...file } = await content;
  const head = model.head ? [model.head.weight, model.head.bias] : [];
  const { parameters, buffers } = model.description;
  const shapes = new Map([...parameters, ...buffers].map(({ name, shape }) => [name, shape]));
  const names = [...shapes.keys()].filter((name) => !name.endsWith(OPTIONAL));
  const { tensors: found, changes } = fitting(file, names, head, path);
  // Of a file whose names do not fit, nothing is said of its head.
  const fits = names.every((name) => head.includes(name) || Object.hasOwn(found, name));
  const tensors =
    keepsHead && fits ? { ...found, ...(await keptHead(found, model, keepsHead, path)) } : found;
  const hasOtherHead = !keepsHead && head.some((name) => !sameShape(tensors[name]?.shape, shapes.get(name)));
  const newHead: readonly string[] = hasOtherHead ? head : [];
  const missing = [...shapes.keys()].filter(
    (name) => !Object.hasOwn(tensors, name) && !newHead.includes(name) && !name.endsWith(OPTIONAL),
  );
  const unexpected = Object.keys(tensors).filter((name) => !shapes.has(name) && !name.endsWith(OPTIONAL));
  const misshapen = Object.entries(tensors).flatMap(([name, { shape }]) => {
    const wanted = shapes.get(name);
    if (wanted === undefined || newHead.includes(name) || sameShape(shape, wanted)) return [];
    return [`${name} is [${shape.join(', ')}], not [${wanted.join(', ')}]`];
  });
  const flaws = Object.entries({ missing, unexpected, 'other shape': misshapen })
    .filter(([, names]) => names.length > 0)
    .map(([flaw, names]) => `  ${flaw}: ${list(names)}\n`);
  if (flaws.length > 0) {
    const read = [source, ...changes].join(', ');
    const origin = read === 'safetensors' ? '' : `  read as: ${read}\n`;
    const problem = `${path} does not fit ${model.arch}:\n${origin}${flaws.join('')}`;
    throw new SpurmemError('WEIGHTS_INVALID', problem, {
      advice: [adviceFor(tensors, path) ?? advice ?? otherNetwork(path)],
    });
  }
  const wanted: Record<string, TensorData> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (newHead.includes(name) || !shapes.has(name)) continue;
    const flaw = flawOf(name, tensor);
    if (flaw !== undefined) {
      const problem = `${path}: ${list([name])} ${flaw}: no model can compute with it.`;
      throw new SpurmemError('WEIGHTS_INVALID', problem, {
        advice: ['Copy or download the file again, or take an earlier checkpoint.'],
      });
    }
    wanted[name] = tensor;
  }
  await model.loadStateDict(wanted);
  return { newHead, changes };
}

/** Names of transformers, which are read with their config.json. */
const OF_TRANSFORMERS =
  /^(?:\w+\.)?(?:encoder\.(?:layer|stages|layers)\.|embeddings\.|embedder\.|layers\.\d+\.layernorm_before)/;

/** The advice for checkpoints of a known kind whose names do not fit. */
function adviceFor(tensors: Tensors, path: string): string | undefined {
  if (Object.hasOwn(tensors, 'fc_norm.weight')) {
    const file = `${JSON.stringify(path)}, map_location="cpu"`;
    const size = { 192: 'tiny', 384: 'small', 1024: 'large' }[tensors.cls_token?.shape[2] ?? 0] ?? 'base';
    return `It averages patches (fc_norm), as fine-tuned MAE does. Export it, and give model.pt2:\n  import timm, torch; m = timm.create_model("vit_${size}_patch16_224", num_classes=${tensors['head.weight']?.shape[0] ?? 0}, global_pool="avg"); s = torch.load(${file}); m.load_state_dict(s.get("model", s)); torch.export.save(torch.export.export(m, (torch.randn(2, 3, 224, 224),), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=4096)},)), "model.pt2")`;
  }
  if (!Object.keys(tensors).some((name) => OF_TRANSFORMERS.test(name))) return undefined;
  return 'Its names are those of transformers: give the folder with its config.json as `weights`.';
}

/** What MAE's pre-training adds to a ViT. */
const OF_PRETRAINING = /^(?:mask_token$|decoder_)/;

/** Returns the tensors by the names that a model may have: the file's own, the usual ones, or those under a prefix. */
function fitting(
  { named, tensors, changes }: Omit<WeightsFile, 'source'>,
  names: readonly string[],
  head: readonly string[],
  path: string,
): Pick<WeightsFile, 'tensors' | 'changes'> {
  // An exported network's layers may have the very names that training scripts wrap around others.
  if (names.every((name) => Object.hasOwn(named, name))) return { tensors: named, changes: [] };
  const body = names.filter((name) => !head.includes(name));
  const has = (of: Tensors, prefix = ''): boolean => body.every((name) => Object.hasOwn(of, prefix + name));
  if (has(tensors)) {
    const extra = Object.keys(tensors).filter((name) => OF_PRETRAINING.test(name) && !names.includes(name));
    if (extra.length === 0) return { tensors, changes };
    const rest = Object.entries(tensors).filter(([name]) => !extra.includes(name));
    return { tensors: Object.fromEntries(rest), changes: [...changes, `leaving out ${list(extra)}`] };
  }
  const [first = ''] = body;
  const prefixes = Object.keys(named)
    .filter((name) => name.endsWith(`.${first}`))
    .map((name) => name.slice(0, -first.length))
    .filter((prefix) => has(named, prefix));
  const [prefix] = prefixes;
  if (prefix === undefined) return { tensors, changes };
  if (prefixes.length > 1) {
    const problem = `${path} holds several networks that fit, under ${list(prefixes)}.`;
    const advice = [`Name one of them: \`weights\` ${path}#${prefixes[0]?.slice(0, -1) ?? ''}.`];
    throw new SpurmemError('WEIGHTS_INVALID', problem, { advice });
  }
  const [own, others] = [true, false].map((isOwn) =>
    Object.entries(named).filter(([name]) => name.startsWith(prefix) === isOwn),
  ) as [[string, TensorData][], [string, TensorData][]];
  const short = canonicalNames(
    Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
  );
  return {
    tensors: short.values,
    changes: [
      `without the prefix ${list([prefix])}`,
      ...short.changes,
      ...(others.length > 0 ? [`leaving out ${list(others.map(([name]) => name))}`] : []),
    ],
  };
}

/**
 * Returns the head of a checkpoint, by default whole, or some of its outputs in a given order. Throws `WEIGHTS_INVALID` for a checkpoint without a head,
 * and naming both numbers for a head of other classes than the model's, or for outputs that it lacks.
 */
export async function keptHead(
  own: Tensors,
  { head, numClasses, arch }: Pick<Model, 'head' | 'numClasses' | 'arch'>,
  { classes, head: file }: KeptHead,
  path: string,
): Promise<Tensors> {
  if (head === null) {
    const given = classes === undefined ? (file === undefined ? undefined : 'head') : 'classes';
    if (given === undefined) return {};
    const problem = `${arch} does not end with one linear layer, which \`${given}\` needs.`;
    throw new SpurmemError('MODEL_INVALID', problem, { parameter: given, advice: ['Leave it out.'] });
  }
  const tensors = file === undefined ? own : await headOf(file, head);
  const outputs = tensors[head.weight]?.shape[0];
  if (outputs === undefined || tensors[head.bias] === undefined) {
    const missing = outputs === undefined ? head.weight : head.bias;
    throw new SpurmemError('WEIGHTS_INVALID', `${path} has no head: ${missing} is missing.`, {
      parameter: 'head',
      advice: [
        'If a linear layer of another file is its head, give that file as `head`.',
        'Or train a new one: `train erm` with these `weights`.',
      ],
    });
  }
  const missing = (classes ?? []).filter((output) => output >= outputs);
  if (missing.length > 0 || (classes === undefined && outputs !== numClasses)) {
    const lacks =
      missing.length > 0
        ? `it has none numbered ${missing.join(', ')}`
        : `the data have ${numClasses} classes`;
    const problem = `The head of ${file ?? path} has ${outputs} outputs, and ${lacks}.`;
    const advice = [
      'Name the outputs that are the data\u2019s classes with `classes`, in their order, counted from 0.',
      'Or train a new head: `train erm` with these `weights`.',
    ];
    throw new SpurmemError('WEIGHTS_INVALID', problem, { parameter: 'classes', value: classes, advice });
  }
  if (classes === undefined) return file === undefined ? {} : tensors;
  const chosen = [head.weight, head.bias].map((name) => {
    const { shape: [, ...rest] = [], data } = tensors[name] ?? { data: new Float32Array() };
    const size = rest.reduce((all, side) => all * side, 1);
    const rows = new Float32Array(classes.length * size);
    for (const [row, output] of classes.entries())
      rows.set(data.subarray(output * size, (output + 1) * size) as Float32Array, row * size);
    return [name, { shape: [classes.length, ...rest], data: rows }] as const;
  });
  return Object.fromEntries(chosen);
}

/** The one linear layer of a file, by the names of a model's head. Throws `WEIGHTS_INVALID` unless there is exactly one. */
async function headOf(path: string, head: NonNullable<Model['head']>): Promise<Tensors> {
  const { named } = await readWeights(path);
  const linear = Object.entries(named).flatMap(([name, weight]) => {
    const bias = named[name.replace(/weight$/, 'bias')];
    const isLinear = name.endsWith('weight') && weight.shape.length === 2;
    return isLinear && sameShape(bias?.shape, weight.shape.slice(0, 1)) ? [{ name, weight, bias }] : [];
  });
  const [only] = linear;
  if (only?.bias !== undefined && linear.length === 1)
    return { [head.weight]: only.weight, [head.bias]: only.bias };
  const found = linear.length === 0 ? 'none' : list(linear.map(({ name }) => name));
  const problem = `${path} should hold one linear layer, a weight and its bias, and holds ${found}.`;
  const advice = ['Name one behind #, such as `head` FILE#fc.'];
  throw new SpurmemError('WEIGHTS_INVALID', problem, { parameter: 'head', advice });
}

/** Reads a weights file while its model draws initial weights on another thread. Errors are thrown when it is awaited. */
export function readAhead(path: string): Promise<WeightsFile> {
  const content = readWeights(path);
  content.catch(() => undefined);
  return content;
}

function list(names: readonly string[]): string {
  // Names come from a file: no control characters on a terminal.
  const shown = names
    .slice(0, 10)
    .join(', ')
    .replace(/\p{Cc}/gu, '?');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
