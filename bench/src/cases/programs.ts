import { execFile } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isFile } from '#src/train/runFolder.js';
import type { BenchCase, BenchPlace, SideSpec } from '../case.js';
import { squareDominoes, trained } from '../data.js';
import { pythonPath, sideScript } from '../python.js';
import type { ComputeSettings } from '../workloads/compute.js';
import { AUTOCAST, labelOf, type PytorchSettings, pytorchSide, TUNED, type Work } from './compute.js';
import { FEW_VARIANTS, releasedSides } from './tracing.js';

interface Exported extends Omit<ComputeSettings, 'arch'> {
  /** torchvision's name. */
  readonly network: string;
}

const RESNET50: Exported = { network: 'resnet50', size: 224, batch: 16, steps: 1 };
/** A network whose layers of neurons are all convolutions: the published procedure scores no others. */
const REGNET: Exported = { network: 'regnet_y_400mf', size: 224, batch: 16, steps: 2 };
const NETWORKS: readonly Exported[] = [
  RESNET50,
  { network: 'mobilenet_v3_small', size: 224, batch: 16, steps: 4 },
  { network: 'densenet121', size: 224, batch: 8, steps: 1 },
  { network: 'efficientnet_b0', size: 224, batch: 8, steps: 1 },
  REGNET,
  { network: 'convnext_tiny', size: 224, batch: 8, steps: 1 },
  { network: 'swin_t', size: 224, batch: 8, steps: 1 },
  { network: 'vit_b_16', size: 224, batch: 4, steps: 1 },
];
const CLASSES = 2;
const REPEATS = 9;

/** A network that torch.export wrote, in its folder. */
async function exported({ network, size }: Exported, { folder, signal }: BenchPlace): Promise<string> {
  const path = join(folder, 'programs', `${network}-${size}.pt2`);
  if (await isFile(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const made = `${path}.tmp.pt2`;
  const args = [sideScript('export_network'), network, String(size), String(CLASSES), made];
  await promisify(execFile)(pythonPath(), args, { signal });
  await rename(made, path);
  return path;
}

/** An exported network against the PyTorch network it was exported from. */
function againstPytorch(given: Exported, work: Work, pytorch: PytorchSettings): BenchCase {
  const { network, ...settings } = given;
  const { precision } = pytorch;
  const label = labelOf(pytorch, work === 'erm-step');
  return {
    ...described(given, work, `${precision === undefined ? '' : `, ${precision},`} against ${label}`),
    name: `${nameOf(given)}-${work}${precision === undefined ? '' : '-autocast'}`,
    target: 1,
    prepare: async (place) => ({
      ours: ours(await exported(given, place), given, work, precision),
      rival: pytorchSide(label, { ...settings, arch: network, ...pytorch, work }),
    }),
  };
}

/** An exported network against the built-in one. */
function againstBuiltIn(given: Exported, work: Work, precision?: 'bf16'): BenchCase {
  const suffix = precision === undefined ? '' : `-${precision}`;
  return {
    ...described(given, work, `${precision === undefined ? '' : `, ${precision},`} against the built-in one`),
    name: `${nameOf(given)}-${work}-built-in${suffix}`,
    target: 0.97,
    prepare: async (place) => ({
      ours: ours(await exported(given, place), given, work, precision),
      rival: { ...ours(given.network, given, work, precision), label: 'the built-in network' },
    }),
  };
}

/** A whole trace against the published procedure in PyTorch. */
const trace: BenchCase = {
  name: `${nameOf(REGNET)}-trace-released`,
  description: `exported ${REGNET.network}, ${REGNET.size} px, 200 images, structured, gradient, k = 1, every layer: against the published procedure`,
  unit: 'traces',
  repeats: 1,
  warmups: 0,
  target: 1,
  prepare: async (place) => {
    const arch = (await exported(REGNET, place)) as `${string}.pt2`;
    const data = await squareDominoes(place);
    const run = await trained(place, `${REGNET.network}-200`, { arch, data, batchSize: 50 });
    const what = { kind: 'structured', criteria: ['gradient'], topK: [1] };
    return releasedSides(run, what, FEW_VARIANTS, REGNET.network);
  },
};

function ours(arch: string, { size, batch, steps }: Exported, work: Work, precision?: 'bf16'): SideSpec {
  const settings = { arch, size, batch, steps, precision };
  return { program: 'spurmem', label: 'spurmem, exported', workload: work, settings };
}

function nameOf({ network }: Exported): string {
  return `exported-${network.replaceAll('_', '-')}`;
}

function described({ network, size, batch }: Exported, work: Work, rival: string) {
  const what = work === 'erm-step' ? 'ERM step' : 'forward pass';
  const description = `exported ${network}, ${size} px, batch ${batch}: ${what}${rival}`;
  return { description, unit: 'images', repeats: REPEATS, warmups: 1 };
}

export const PROGRAMS: readonly BenchCase[] = [
  ...NETWORKS.flatMap((network) => [
    againstPytorch(network, 'forward', TUNED),
    againstPytorch(network, 'erm-step', TUNED),
  ]),
  againstPytorch(RESNET50, 'erm-step', AUTOCAST),
  againstBuiltIn(RESNET50, 'forward'),
  againstBuiltIn(RESNET50, 'erm-step'),
  againstBuiltIn(RESNET50, 'erm-step', 'bf16'),
  trace,
];
