import type { Architecture } from '../../src/models/architectures.js';
import { native } from '../../src/native/addon.js';
import { imagesOf, newModel } from '../networks.js';
import { expectWithin, relativeDifference } from './compare.js';
import { askOracle, compareGradients, compareInitialWeights, compareStages, type Oracle } from './oracle.js';
import { python, TEAM } from './python.js';

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
  { arch: 'vit_tiny_patch16_224', batch: 2, imageSize: [48, 64], patchSize: 16, layerNormEps: 1e-5 },
];

function ask({ arch, batch, imageSize, patchSize, layerNormEps }: Case, gradients = true): Promise<Oracle> {
  const [height, width] = imageSize;
  const model = { arch, classes: CLASSES, height, width, patch: patchSize, eps: layerNormEps };
  return askOracle('vit', { ...model, seed: SEED, batch, threads: TEAM, gradients });
}

test.each(cases)('$arch, $imageSize px, patch $patchSize', async (given) => {
  const { arch, batch, ...design } = given;
  const expected = await ask(given);
  using model = await newModel(arch, { ...design, seed: SEED, numClasses: CLASSES });
  expect(model.numNeurons).toBe(expected('norms.weight').data.length);

  compareInitialWeights(arch, await model.stateDict(), expected);

  using images = await imagesOf(expected('input').data, expected('input').shape);
  using labels = await native().tensor(expected('labels').data, [batch], 'cpu');
  using logits = (await model.network.run(images, { grad: true })).logits;
  const difference = relativeDifference(await logits.data(), expected('logits').data);
  expectWithin(`${arch} logits, relative difference`, difference, 1e-6);

  await compareGradients(model, expected, logits, labels, 1e-5, 1e-6);
  await compareStages(model, images);
});

test('vit_small_patch16_224, whose blocks are the same but wider: initial weights and logits', async () => {
  const given: Case = { ...(cases[1] as Case), arch: 'vit_small_patch16_224' };
  const expected = await ask(given, false);
  const { arch, batch: _, ...design } = given;
  using model = await newModel(arch, { ...design, seed: SEED, numClasses: CLASSES });
  compareInitialWeights(arch, await model.stateDict(), expected);
  using images = await imagesOf(expected('input').data, expected('input').shape);
  using logits = (await model.network.run(images, { grad: true })).logits;
  const difference = relativeDifference(await logits.data(), expected('logits').data);
  expectWithin(`${arch} logits, relative difference`, difference, 1e-6);
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
def both(arch):
    torch.manual_seed(0)
    own = vit.VisionTransformer(vit.WIDTHS[arch], 2, 224, 224, 16, 1e-6).eval()
    torch.manual_seed(0)
    return own, timm.create_model(arch, num_classes=2).eval()
own, theirs = both('vit_tiny_patch16_224')
images = torch.randn(1, 3, 224, 224)
state = theirs.state_dict()
print(all(torch.equal(value, state[name]) for name, value in own.state_dict().items()))
print((own(images) - theirs(images)).abs().max().item() < 1e-5)
for arch in vit.WIDTHS:
    with torch.device('meta'):
        states = [{name: value.shape for name, value in model.state_dict().items()} for model in both(arch)]
    print(states[0] == states[1])
`;
  const said = python(['-c', code]).trim();
  console.log(`parity: initial weights and logits against timm: ${said.replaceAll('\n', ', ')}`);
  expect(said).toMatch(/^(?:timm is not installed|True(?:\nTrue){5})$/);
});
