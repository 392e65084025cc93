import { join } from 'node:path';
import { Model } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { imagesOf } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, largest, maxDifference } from './compare.js';
import { askOracle, holdNetwork, labelsFrom, type Oracle, PASSES } from './oracle.js';

export const SEED = 7;
const CLASSES = 3;

export interface ExportedCase {
  /** torchvision's or timm's name, `branches`, or `small-` and a family. */
  readonly network: string;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** Whether the scores of its neurons are compared, and which are the ten highest. */
  readonly scores?: boolean;
  readonly steps?: number;
  /** Layers that Grad-CAM maps. */
  readonly maps?: readonly string[];
  /** Of the export; default: train. */
  readonly mode?: 'train' | 'eval';
  /** Of gradients, relative; default: 0, the same bits. */
  readonly tolerance?: number;
}

const folder = temporaryFolder();

/** The path of a network's program, and what PyTorch computes with the network. */
export async function exported(given: ExportedCase): Promise<{ program: `${string}.pt2`; expected: Oracle }> {
  const { scores = false, maps = [], steps = 0, mode = 'train', ...others } = given;
  const name = mode === 'train' ? given.network : `${given.network}-${mode}`;
  const program = join(folder, `${name}.pt2`) as `${string}.pt2`;
  const asked = { ...others, mode, classes: CLASSES, seed: SEED, program };
  const layers = scores ? await weightsOfNeurons(asked) : [];
  const expected = await askOracle('exported', { ...asked, layers, steps, maps });
  return { program, expected };
}

/** Exports a network, and reads there which weights are those of its neurons. */
async function weightsOfNeurons(asked: { readonly program: `${string}.pt2` }): Promise<string[]> {
  await askOracle('exported', { ...asked, layers: [], steps: 0, maps: [] });
  using model = await openExported(asked.program);
  return model.description.layers.map(({ weight }) => weight);
}

export async function openExported(program: `${string}.pt2`, numClasses = CLASSES): Promise<Model> {
  return Model.create({
    arch: program,
    numClasses,
    generator: new (native().Generator)(SEED),
    device: 'cpu',
  });
}

/** Holds programs against PyTorch on the same network: weights, logits, gradients, scores, stages and steps. */
export function describeExported(cases: readonly ExportedCase[]): void {
  describe.each(cases)('$network, $batch x $height x $width', (given) => {
    const { network: name, tolerance = 0, steps = 0, scores = false } = given;
    const held = holdNetwork(async () => {
      const { program, expected } = await exported(given);
      const { data, shape } = expected('input');
      return { model: await openExported(program), expected, images: () => imagesOf(data, shape) };
    }, [tolerance, tolerance, ...(scores ? ([1e-6] as const) : ([] as const))]);

    test('evaluation with kernels of several layers is as near', async () => {
      const { model, expected, rewind } = held();
      await rewind('first pass');
      using images = await held().images();
      using logits = (await model.network.run(images, {})).logits;
      const difference = maxDifference(await logits.data(), expected('logits.eval').data);
      expectWithin(`${name}, fused logits, max difference`, difference, 1e-4);
    });

    for (const layer of given.maps ?? []) {
      test(`Grad-CAM of ${layer} equals hooks in PyTorch`, async () => {
        const { model, expected, rewind } = held();
        await rewind('first pass');
        using images = await held().images();
        const { heat: map } = await model.network.gradCam(images, layer, 1);
        using heat = map;
        const found = (await heat.data()) as Float32Array;
        const difference = maxDifference(found, expected(`cam.${layer}`).data);
        expectWithin(`Grad-CAM of ${name}, ${layer}, difference`, difference, 1e-5);
        expect(found.every((value) => value === 0)).toBe(false);
      });
    }

    if (steps > 0) {
      test(`${steps} steps of Adam equal PyTorch\u2019s`, async () => {
        const { model, expected, rewind } = held();
        await rewind('first pass');
        const settings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
        const adam = new (native().Adam)(model.network, settings);
        const logitsOfSteps: number[] = [];
        for (let step = 0; step < steps; step++) {
          using images = await held().images();
          using labels = await labelsFrom(expected);
          using logits = (await model.network.run(images, { statistics: 'shared', grad: true })).logits;
          using loss = await native().crossEntropy(logits, labels, 'mean');
          await loss.backward();
          logitsOfSteps.push(...((await logits.data()) as Float32Array));
          await adam.step(1e-3);
          await model.network.zeroGrad();
        }
        const difference = maxDifference(Float32Array.from(logitsOfSteps), expected('logits.steps').data);
        expectWithin(`${name}, logits of ${steps} steps, max difference`, difference, tolerance);
        const { [PASSES]: _passes, ...state } = await model.stateDict();
        const worst = largest(state, (one) => expected(`final.${one}`), maxDifference);
        expectWithin(`${name}, weights after ${steps} steps, max difference`, worst, tolerance);
      });
    }
  });
}
