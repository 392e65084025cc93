import { join } from 'node:path';
import { mean } from '../../src/metrics/statistics.js';
import type { Architecture } from '../../src/models/architectures.js';
import { Model } from '../../src/models/model.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { native, type NativeArray } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { temporaryFolder } from '../temporary.js';
import { relativeDifference, report } from './compare.js';
import { compareGradients, compareInitialWeights, compareStages, oracleOf } from './oracle.js';
import { python, reference, TEAM } from './python.js';

const folder = temporaryFolder();
const SEED = 5;
const CLASSES = 3;

interface Case {
  readonly arch: Architecture;
  readonly batch: number;
  readonly imageSize: [number, number];
  readonly patchSize: number;
  readonly layerNormEps: number;
}

const cases: Case[] = [
  { arch: 'vit_tiny_patch16_224', batch: 4, imageSize: [64, 32], patchSize: 8, layerNormEps: 1e-6 },
  { arch: 'vit_small_patch16_224', batch: 2, imageSize: [224, 224], patchSize: 16, layerNormEps: 1e-5 },
];

/** Runs the oracle; the path of what it wrote. */
function runReference({ arch, batch, imageSize, patchSize, layerNormEps }: Case): string {
  const out = join(folder, `${arch}-${batch}.safetensors`);
  const [height, width] = imageSize;
  const model = { arch, classes: CLASSES, height, width, patch: patchSize, eps: layerNormEps };
  reference('vit', { ...model, seed: SEED, batch, threads: TEAM, out });
  return out;
}

test.each(cases)('$arch, $imageSize px, patch $patchSize', async (given) => {
  const { arch, batch } = given;
  const oracle = (await readSafetensors(runReference(given))).tensors;
  const expected = oracleOf(oracle);
  await setThreads(TEAM);
  const generator = new (native().Generator)(SEED);
  using model = await Model.create({ ...given, numClasses: CLASSES, generator, device: 'cpu' });
  expect(model.numNeurons).toBe(expected('norms.weight').data.length);

  compareInitialWeights(arch, await model.stateDict(), oracle);

  using contiguous = await native().tensor(expected('input').data, expected('input').shape, 'cpu');
  using images = await contiguous.channelsLast();
  using labels = await native().tensor(expected('labels').data, [batch], 'cpu');
  using logits = await model.network.forward(images, { grad: true });
  const difference = relativeDifference(await logits.data(), expected('logits').data);
  report(`${arch} logits, relative difference`, difference, 1e-6);
  expect(difference).toBeLessThanOrEqual(1e-6);

  await compareGradients(model, expected, logits, labels, 1e-5);
  await compareStages(model, images);
  const costs = await model.network.stageCosts(images);
  expect(costs).toHaveLength(model.description.stages.length);
  expect(Math.min(...costs)).toBeGreaterThan(0);
});

test('the oracle is timm\u2019s, at its own sizes', () => {
  const code = `
import sys
sys.path.insert(0, 'scripts/reference')
import importlib.util, torch, vit
if importlib.util.find_spec('timm') is None:
    print('timm is not installed')
    raise SystemExit
import timm
for arch, width in vit.WIDTHS.items():
    torch.manual_seed(0)
    own = vit.VisionTransformer(width, 2, 224, 224, 16, 1e-6).eval()
    torch.manual_seed(0)
    theirs = timm.create_model(arch, num_classes=2).eval()
    images = torch.randn(2, 3, 224, 224)
    state = theirs.state_dict()
    equal = all(torch.equal(value, state[name]) for name, value in own.state_dict().items())
    print(equal, (own(images) - theirs(images)).abs().max().item() < 1e-5)
`;
  const said = python(['-c', code]).trim();
  console.log(`parity: initial weights and logits beside timm: ${said.replace('\n', ', ')}`);
  expect(said).toMatch(/^(?:timm is not installed|True True\nTrue True)$/);
});

// Attention in bfloat16 is not PyTorch's kernel: what counts is that it is no further from float32 than autocast is.
test('logits in bfloat16 are as near those in float32 as autocast\u2019s', async () => {
  const given: Case = {
    arch: 'vit_tiny_patch16_224',
    batch: 64,
    imageSize: [64, 32],
    patchSize: 8,
    layerNormEps: 1e-6,
  };
  const expected = oracleOf((await readSafetensors(runReference(given))).tensors);
  await setThreads(TEAM);
  const generator = new (native().Generator)(SEED);
  using model = await Model.create({
    ...given,
    numClasses: CLASSES,
    generator,
    device: 'cpu',
    precision: 'bf16',
  });
  using contiguous = await native().tensor(expected('input').data, expected('input').shape, 'cpu');
  using images = await contiguous.channelsLast();
  using logits = await model.network.forward(images, {});
  const exact = expected('logits').data as Float32Array;
  const rms = (values: NativeArray): number =>
    Math.sqrt(mean(Array.from(exact, (value, i) => (value - (values[i] as number)) ** 2)));
  const [ours, theirs] = [rms(await logits.data()), rms(expected('logits.autocast').data)];
  report(`logits in bf16, error beside autocast\u2019s ${theirs.toExponential(2)}`, ours, 1.2 * theirs);
  expect(ours).toBeGreaterThan(0);
  expect(ours).toBeLessThanOrEqual(1.2 * theirs);
});
