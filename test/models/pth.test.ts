import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { canonicalNames, readWeights } from '../../src/models/weights.js';
import { parsePickle } from '../../src/pickle.js';
import { temporaryFolder } from '../temporary.js';
import {
  archive,
  call,
  dict,
  floats,
  global,
  int,
  NONE,
  pickle,
  refusal,
  tensor,
  text,
  TINY,
  tuple,
} from './pthSupport.js';

const folder = temporaryFolder();
let files = 0;

function file(content: Buffer | string, name = 'weights.pth'): string {
  const path = join(folder, `${files++}-${name}`);
  writeFileSync(path, content);
  return path;
}

const read = (content: Buffer | string, name?: string): ReturnType<typeof readWeights> =>
  readWeights(file(content, name));

describe('a file that torch.save wrote', () => {
  const values = {
    'conv.weight': { shape: [2, 3, 2, 2], data: Float32Array.from({ length: 24 }, (_, i) => i) },
    'fc.weight': { shape: [3, 2], data: Float32Array.of(0, 3, 1, 4, 2, 5) },
    count: { shape: [], data: BigInt64Array.of(7n) },
  };

  test.each(['tiny.pth', 'tiny.pt', 'tiny.pth.tar', 'tiny.safetensors', 'tiny'])(
    'is known by its content as %s',
    async (name) => {
      const { named, ...content } = await read(TINY, name);
      expect(content).toEqual({
        tensors: values,
        source: 'PyTorch, state_dict',
        changes: ['without the prefix module.', 'with fc.0 as fc'],
      });
      expect(Object.keys(named)).toContain('module.fc.0.weight');
    },
  );

  test('with a changed value is refused by its checksum', async () => {
    const changed = Buffer.from(TINY);
    const at = changed.indexOf(floats(5));
    changed.writeFloatLE(6, at);
    await refusal(read(changed), /entry "pthTiny\/data\/0" does not match its checksum/);
  });

  test.each([
    ['zip64 directory offset', 0x06064b50, 48],
    ['zip64 record offset', 0x07064b50, 8],
  ])('with a %s beyond any file is refused', async (_name, signature, field) => {
    const changed = Buffer.from(TINY);
    const mark = Buffer.alloc(4);
    mark.writeUInt32LE(signature);
    changed.fill(0xff, changed.lastIndexOf(mark) + field, changed.lastIndexOf(mark) + field + 8);
    await refusal(read(changed), 'its zip directory points behind the end of the file');
  });

  test('with a wrong entry offset is refused', async () => {
    const changed = Buffer.from(TINY);
    const at = changed.indexOf(Buffer.from('PK\x01\x02', 'latin1')) + 42;
    changed.writeUInt32LE(changed.length - 8, at);
    await refusal(read(changed), 'is not a valid PyTorch file');
  });
});

describe('a state dict', () => {
  const weight = tensor([2]);
  const value = { shape: [2], data: Float32Array.of(1, 2) };
  const one = [floats(1, 2)];

  test.each([
    ['the top', { w: weight }, []],
    ['model_state_dict', { model_state_dict: dict({ w: weight }), epoch: int(3) }, ['model_state_dict']],
    [
      'state_dict with a model name',
      { model: text('resnet18'), state_dict: dict({ w: weight }) },
      ['state_dict'],
    ],
    ['model.state_dict', { model: dict({ state_dict: dict({ w: weight }) }) }, ['model', 'state_dict']],
    ['state_dict with a tensor', { acc: weight, state_dict: dict({ w: weight }) }, ['state_dict']],
    [
      'model_state_dict with a whole model',
      { model: call(global('net', 'Net')), model_state_dict: dict({ w: weight }) },
      ['model_state_dict'],
    ],
    ['the top, with other values', { w: weight, epoch: int(1), optimizer: dict({}), note: NONE }, []],
  ])('is found at %s', async (_place, content, keys) => {
    const { tensors, source } = await read(archive(pickle(dict(content)), one));
    expect(tensors).toEqual({ w: value });
    expect(source).toBe(['PyTorch', ...(keys.length > 0 ? [keys.join('.')] : [])].join(', '));
  });

  test('that contains itself ends', async () => {
    // }q\0 X"model" h\0 s: a dict whose model is the dict.
    const cyclic = pickle(Buffer.from('}q\0'), text('model'), Buffer.from('h\0s'));
    await refusal(read(archive(cyclic)), 'it holds no tensors');
  });

  test('keeps a tensor named __proto__', async () => {
    const { tensors } = await read(archive(pickle(dict({ ['__proto__']: weight })), one));
    expect(Object.entries(tensors)).toEqual([['__proto__', value]]);
  });

  test.each([
    [
      'not a number',
      { w: tensor([2], { key: '1' }) },
      'needs a storage of 8 bytes, but "a/data/1" is missing',
    ],
    [
      'longer than its storage',
      { w: tensor([3], { length: 2 }) },
      'claims more than the 2 values of its storage',
    ],
    ['beyond its storage', { w: tensor([2], { offset: 1, length: 2 }) }, 'claims more than the 2 values'],
    ['strided beyond', { w: tensor([2], { strides: [5], length: 2 }) }, 'claims more than the 2 values'],
    ['of a storage that is shorter', { w: tensor([4]) }, 'needs a storage of 16 bytes, but "a/data/0" has 8'],
    [
      'expanded beyond the file',
      { w: tensor([2 ** 30], { strides: [0], length: 2 }) },
      'makes the tensors larger than the file',
    ],
    [
      'huge',
      { w: tensor([2 ** 50, 2 ** 50], { strides: [0, 0], length: 2 }) },
      'claims more than the 2 values',
    ],
    ['of more axes than strides', { w: tensor([2], { strides: [] }) }, 'has a damaged shape'],
    ['of negative size', { w: tensor([-2], { strides: [1], length: 2 }) }, 'has a damaged shape'],
  ])('with a tensor %s is refused', async (_name, content, reason) => {
    await refusal(read(archive(pickle(dict(content)), one)), reason);
  });

  test('with many expanded views is refused before they are made', async () => {
    const views = Array.from({ length: 2000 }, (_, i) => [
      `w${i}`,
      tensor([5000 + i], { strides: [0], length: 2 }),
    ]);
    const content = archive(pickle(dict(Object.fromEntries(views) as Record<string, Buffer>)), one);
    await refusal(read(content), 'makes the tensors larger than the file');
  });

  test.each([
    ['os', 'system'],
    ['builtins', 'eval'],
    ['torch._utils', '_rebuild_tensor_v2.__globals__'],
    ['collections', 'OrderedDict.fromkeys'],
    ['a\u001b[31m', 'b'],
  ])('made by %s %s is refused, and nothing is run', async (module, name) => {
    const attack = call(global(module, name), text(`touch ${join(folder, 'executed')}`));
    const named = JSON.stringify(`${module}.${name}`);
    for (const content of [
      attack,
      dict({ state_dict: attack }),
      dict({ model: attack, acc: weight }),
      dict({ w: weight, v: attack }),
      dict({ model: dict({ v: attack }) }),
    ]) {
      const message = await refusal(read(archive(pickle(content), one)));
      expect(message).toContain(`is made by ${named}`);
      expect(message).toContain('nothing of it was run');
      expect(message).not.toContain('\u001b');
    }
    // In the place of a shape or storage it is damage, and elsewhere nobody looks at it.
    const inside = call(global('torch._utils', '_rebuild_tensor_v2'), attack, int(0), tuple(), tuple());
    await refusal(read(archive(pickle(dict({ w: inside })), one)), 'has no storage');
    const checkpoint = dict({ state_dict: dict({ w: weight }), optimizer: attack });
    expect((await read(archive(pickle(checkpoint), one))).tensors).toEqual({ w: value });
    expect(existsSync(join(folder, 'executed'))).toBe(false);
  });
});

describe('a zip file', () => {
  const content = pickle(dict({ w: tensor([2]) }));

  test('with compressed entries is refused', async () => {
    const zeros = Buffer.alloc(1000);
    const bytes = archive(pickle(dict({ w: tensor([250]) })), [zeros], {}, 6);
    await refusal(read(bytes), /entry "a\/\S+" is compressed/);
  });

  test('whose entries lie over each other is refused', async () => {
    const bytes = archive(content, [floats(1, 2)], { one: Buffer.alloc(4000), two: Buffer.alloc(10) });
    // The second entry takes over what the directory says of the first.
    const at = bytes.lastIndexOf('a/two') - 46;
    const of = bytes.lastIndexOf('a/one') - 46;
    bytes.copy(bytes, at + 16, of + 16, of + 28);
    bytes.copy(bytes, at + 42, of + 42, of + 46);
    await refusal(read(bytes), 'its zip entries are longer than the file');
  });

  test('without data.pkl, or of TorchScript, is told apart', async () => {
    const other = Buffer.from(
      archive(content).toString('latin1').replaceAll('data.pkl', 'data.txt'),
      'latin1',
    );
    await refusal(read(other), 'it is a zip file without data.pkl');
    const script = archive(content, [], { 'constants.pkl': pickle(tuple()) });
    await refusal(read(script), 'torch.jit.load(');
  });
});

describe('a pickle', () => {
  test.each([
    ['a negative length', '80 02 42 fb ff ff ff 2e', 'truncated'],
    ['a length beyond 2 ** 53', '80 04 8d ff ff ff ff ff ff ff ff 2e', 'truncated'],
    ['an empty stack', '80 02 30 2e', 'damaged'],
    ['a pop below a mark', '80 02 4e 28 30 2e', 'damaged'],
    ['no mark', '80 02 4e 74 2e', 'damaged'],
    ['an unknown memo', '80 02 68 07 2e', 'damaged'],
    ['an append to a number', '80 02 4b 01 4b 02 61 2e', 'damaged'],
    ['a key of a number', '80 02 4b 01 4b 02 4b 03 73 2e', 'damaged'],
    ['a key without a value', '80 02 7d 28 4b 03 75 2e', 'damaged'],
    ['a class by number', '80 04 4b 01 4b 02 93 2e', 'damaged'],
    ['an extension', '80 02 82 01 2e', 'opcode 0x82 at byte 2'],
    ['a text opcode', '49 30 0a 2e', 'opcode 0x49 at byte 0'],
  ])('with %s is refused', (_name, hex, reason) => {
    expect(() => parsePickle(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(reason);
  });

  test.each([
    ['8a 00', 0],
    ['8a 01 ff', -1],
    ['8a 06 00 00 00 00 00 80', -(2 ** 47)],
    ['8a 08 ff ff ff ff ff ff ff 7f', 2n ** 63n - 1n],
    ['8a 08 00 00 00 00 00 00 00 80', -(2n ** 63n)],
    ['8a 07 ff ff ff ff ff ff ff', -1],
    ['8a 07 00 00 00 00 00 00 40', 2n ** 54n],
  ])('has the integer of %s', (hex, value) => {
    expect(parsePickle(Buffer.from(`8002${hex.replaceAll(' ', '')}2e`, 'hex'))).toBe(value);
  });
});

describe('another file', () => {
  test.each([
    ['', 'it is empty. Copy or download it again'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'Run git lfs pull'],
    ['<!DOCTYPE html><html></html>', 'it is a web page'],
    ['\x1f\x8b\x08 and more', 'Unpack it with gunzip'],
    ['something', 'is neither a safetensors nor a PyTorch file. Copy or download it again'],
  ])('%j is told apart', async (content, reason) => {
    await refusal(read(Buffer.from(content, 'latin1')), reason);
  });

  test('that is missing or a folder is named', async () => {
    const missing = join(folder, 'missing.pth');
    await refusal(readWeights(missing), `Cannot read the weights file ${missing}`);
    await refusal(readWeights(folder), `Cannot read the weights file ${folder}`);
  });

  test('in safetensors has its names unwrapped as well', async () => {
    const path = join(folder, 'wrapped.safetensors');
    await writeSafetensors(path, { 'module.w': { shape: [1], data: Float32Array.of(1) } });
    const value = { shape: [1], data: Float32Array.of(1) };
    expect(await readWeights(path)).toEqual({
      tensors: { w: value },
      named: { 'module.w': value },
      source: 'safetensors',
      changes: ['without the prefix module.'],
    });
  });
});

describe('names', () => {
  test('of an algorithm of SubpopBench: the featurizer and the classifier are the model', () => {
    const { values, changes } = canonicalNames({
      'featurizer.network.conv1.weight': 1,
      'featurizer.network.bn1.running_mean': 2,
      'classifier.weight': 3,
      'classifier.bias': 4,
      'network.0.network.conv1.weight': 1,
      'network.1.weight': 3,
      q: 5,
    });
    expect(values).toEqual({ 'conv1.weight': 1, 'bn1.running_mean': 2, 'fc.weight': 3, 'fc.bias': 4 });
    expect(changes).toEqual(['with featurizer.network as the model and classifier as fc']);
  });

  const names = (...given: string[]): string[] =>
    Object.keys(canonicalNames(Object.fromEntries(given.map((name) => [name, name]))).values);

  test('lose the prefixes of wrappers', () => {
    const wrapped = ['module.a', '_orig_mod.b', '_orig_mod.module.c', 'd.module.e', 'modules.f'];
    expect(names(...wrapped)).toEqual(['a', 'b', 'c', 'd.module.e', 'modules.f']);
  });

  test('of a head in a Sequential lose the index, when it is alone', () => {
    expect(names('fc.0.weight', 'fc.0.bias')).toEqual(['fc.weight', 'fc.bias']);
    expect(names('module.head.0.weight')).toEqual(['head.weight']);
    expect(names('fc.0.weight', 'fc.2.weight')).toEqual(['fc.0.weight', 'fc.2.weight']);
    expect(names('fc.weight', 'fc.0.weight')).toEqual(['fc.weight', 'fc.0.weight']);
    expect(names('layer.0.weight')).toEqual(['layer.0.weight']);
    const deep = ['featurizer.network.conv1.weight', 'classifier.0.weight', 'classifier.2.weight'];
    expect(names(...deep)).toEqual(deep);
  });

  test('of an entry may have points', async () => {
    const inner = (name: string) => dict({ [name]: tensor([1]) });
    const content = dict({ 'c.d': inner('v'), c: dict({ e: inner('w'), 'f.x': tensor([1]) }) });
    const path = file(archive(pickle(content), [floats(1)]), 'points.pth');
    for (const [entry, name] of Object.entries({ 'c.d': 'v', 'c.e': 'w', 'c.f': 'x' })) {
      expect([entry, Object.keys((await readWeights(`${path}#${entry}`)).tensors)]).toEqual([entry, [name]]);
    }
  });

  test('that become the same are refused', async () => {
    const content = archive(pickle(dict({ 'module.w': tensor([1]), w: tensor([1]) })), [floats(1)]);
    await refusal(read(content), 'two of its tensors are "w"');
  });
});
