import { join } from 'node:path';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { loadWeights, readWeights } from '../../src/models/weights.js';
import { failure } from '../data/support.js';
import { newModel } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, largest, maxDifference } from './compare.js';
import { expectSameBits } from './oracle.js';
import { python, reference } from './python.js';

const folder = temporaryFolder();

beforeAll(() => {
  reference('pth', { out: folder });
});

test.each([
  ['resnet18.pth', 'PyTorch'],
  ['checkpoint.pth.tar', 'PyTorch, model_state_dict'],
  ['data-parallel.pth', 'PyTorch, state_dict, without the prefix module.'],
  ['compiled.pth', 'PyTorch, model.state_dict, without the prefix module._orig_mod.'],
  ['deit.pth', 'PyTorch, model, with head.0 as head'],
  ['fc-head.pt', 'PyTorch, with fc.0 as fc'],
  ['named-model.pth', 'PyTorch, state_dict'],
  ['pthTiny.pth', 'PyTorch, state_dict, without the prefix module., with fc.0 as fc'],
  ['views.pth', 'PyTorch'],
  ['dtypes.pth', 'PyTorch'],
  ['shared.pth', 'PyTorch'],
  ['parameters.pth', 'PyTorch'],
  ['protocol-3.pth', 'PyTorch, model_state_dict'],
  ['protocol-4.pth', 'PyTorch, model_state_dict'],
  ['protocol-5.pth', 'PyTorch, model_state_dict'],
  ['without-checksums.pth', 'PyTorch'],
])('%s has the values of torch.load', async (file, source) => {
  const oracle = (await readSafetensors(join(folder, file.replace(/\..*/, '.safetensors')))).tensors;
  const read = await readWeights(join(folder, file));
  expect([read.source, ...read.changes].join(', ')).toBe(source);
  expectSameBits(read.tensors, oracle);
  const most = largest(read.tensors, (name) => oracle[name] as TensorData, maxDifference);
  expectWithin(`${file}, ${Object.keys(oracle).length} tensors, max difference`, most, 0);
});

test('tied weights stay one array', async () => {
  const { tensors } = await readWeights(join(folder, 'shared.pth'));
  expect(tensors.again?.data).toBe(tensors.tied?.data);
});

test('only the weights of a checkpoint are read, past 4 GiB', async () => {
  const { tensors } = await readWeights(join(folder, 'large.pth'));
  expect(tensors).toEqual({ weight: { shape: [3], data: new Float32Array(3) } });
});

test('a checkpoint goes into a model that it fits to', async () => {
  const oracle = (await readSafetensors(join(folder, 'checkpoint.safetensors'))).tensors;
  using same = await newModel('resnet18', { seed: 1, numClasses: 7 });
  expect(await loadWeights(same, join(folder, 'checkpoint.pth.tar'))).toEqual({ newHead: [], changes: [] });
  expectSameBits(await same.stateDict(), oracle);
  await failure(
    loadWeights(same, join(folder, 'deit.pth')),
    'WEIGHTS_INVALID',
    'does not fit resnet18',
    'read as: PyTorch, model, with head.0 as head',
    'unexpected: conv.weight, conv.bias, head.weight, head.bias',
  );
});

// Code that a file would run: test/models/pth.test.ts.
test.each([
  ['numpy-values', '"conv.weight" is made by "numpy._core.multiarray._reconstruct"'],
  ['int8', 'tensor "weight" has the dtype int8; supported are float64, int64, float32'],
  ['complex64', 'tensor "weight" has the dtype complex64'],
  ['quantized', 'tensor "weight" has the dtype of a quantized tensor'],
  ['sparse', 'tensor "weight" is sparse'],
  ['negated', 'tensor "weight" is a lazy view'],
  ['tensor', 'it is one tensor, not a state dict'],
  [
    'nothing',
    'it holds no tensors at the top or under model_state_dict, state_dict, model_dict, model, but "epoch", "optimizer"',
  ],
  ['big-endian', 'its byte order is "big"'],
])('%s is refused', async (name, reason) => {
  const path = join(folder, `${name}.pth`);
  await failure(readWeights(path), 'WEIGHTS_INVALID', path, reason);
});

test.each([
  ['legacy.pth', "is in PyTorch's legacy format"],
  ['torchscript.pth', 'it is a TorchScript module'],
  ['module.pth', 'it is a whole model of the class "torchvision.models.resnet.ResNet"'],
  ['module-inside.pth', 'its entry "model" is a whole model of the class'],
])('%s is refused with the line of Python that converts it', async (file, reason) => {
  const { message } = await failure(readWeights(join(folder, file)), 'WEIGHTS_INVALID', reason);
  const line = message.split('\n').at(-1)?.trim() ?? '';
  python(['-c', line]);
  const { tensors } = await readWeights(join(folder, file.replace('.pth', '.state_dict.pth')));
  expect(Object.keys(tensors).some((name) => name.endsWith('fc.weight'))).toBe(true);
});

test('a legacy tar file is told apart', async () => {
  await failure(readWeights(join(folder, 'tar.pth.tar')), 'WEIGHTS_INVALID', "is in PyTorch's legacy format");
});
