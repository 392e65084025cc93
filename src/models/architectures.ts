import { basename } from 'node:path';
import { native } from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';
import type { Generator, Network, Precision } from '../native/interface.js';
import type { Plan } from '../native/plan.js';
import { PlanBuilder, value } from '../native/planBuilder.js';
import { resnet } from './resnet.js';
import { vit, type VitOptions } from './vit.js';

interface Design {
  readonly family: string;
  readonly plan: (numClasses: number, options: VitOptions) => Plan;
  /** Further options, with their defaults. */
  readonly options?: VitOptions;
  /** Whether it is for images of some 32 px, which it takes as they are unless an input is given. */
  readonly isForSmall?: boolean;
}

const VIT_OPTIONS: VitOptions = { imageSize: [224, 224], patchSize: 16, layerNormEps: 1e-6 };

const IMAGENET = { stem: 7, width: 64 } as const;
/** By torchvision's and timm's names; `resnet20` is He et al.'s for small images (2016, section 4.2), with 1x1 shortcuts. */
const DESIGNS = {
  resnet18: { family: 'resnet', plan: resnet({ ...IMAGENET, blocks: [2, 2, 2, 2], expansion: 1 }) },
  resnet34: { family: 'resnet', plan: resnet({ ...IMAGENET, blocks: [3, 4, 6, 3], expansion: 1 }) },
  resnet50: { family: 'resnet', plan: resnet({ ...IMAGENET, blocks: [3, 4, 6, 3], expansion: 4 }) },
  resnet101: { family: 'resnet', plan: resnet({ ...IMAGENET, blocks: [3, 4, 23, 3], expansion: 4 }) },
  resnet152: { family: 'resnet', plan: resnet({ ...IMAGENET, blocks: [3, 8, 36, 3], expansion: 4 }) },
  wide_resnet50_2: {
    family: 'resnet',
    plan: resnet({ ...IMAGENET, blocks: [3, 4, 6, 3], expansion: 4, bottleneck: [1, 128] }),
  },
  resnext50_32x4d: {
    family: 'resnet',
    plan: resnet({ ...IMAGENET, blocks: [3, 4, 6, 3], expansion: 4, bottleneck: [32, 4] }),
  },
  resnet20: {
    family: 'resnet',
    plan: resnet({ stem: 3, width: 16, blocks: [3, 3, 3], expansion: 1 }),
    isForSmall: true,
  },
  vit_tiny_patch16_224: { family: 'vit', plan: vit(192), options: VIT_OPTIONS },
  vit_small_patch16_224: { family: 'vit', plan: vit(384), options: VIT_OPTIONS },
  deit_small_patch16_224: { family: 'vit', plan: vit(384), options: VIT_OPTIONS },
  vit_base_patch16_224: { family: 'vit', plan: vit(768), options: VIT_OPTIONS },
} as const satisfies Record<string, Design>;
/** A built-in architecture. */
type BuiltIn = keyof typeof DESIGNS;
export const ARCHITECTURES = Object.keys(DESIGNS) as [BuiltIn, ...BuiltIn[]];
/** A built-in architecture, or the path of a program that torch.export wrote. */
export type Architecture = BuiltIn | `${string}.pt2`;

/** The ending of torch.export's files. */
const PROGRAM_ENDING = '.pt2';

/** Whether an architecture is a file of torch.export. */
export function isProgram(arch: string): arch is `${string}.pt2` {
  return arch.length > PROGRAM_ENDING.length && arch.endsWith(PROGRAM_ENDING);
}

export function isArchitecture(value: unknown): value is Architecture {
  return typeof value === 'string' && (Object.hasOwn(DESIGNS, value) || isProgram(value));
}

/** The name of an architecture in configurations and messages. */
export function architectureName(arch: Architecture): Architecture {
  return isProgram(arch) ? (basename(arch) as Architecture) : arch;
}

/** The family of an architecture, the options that it takes with their defaults, and whether it is for small images. */
export function architectureOf(arch: Architecture): Pick<Design, 'family' | 'options' | 'isForSmall'> {
  return isProgram(arch) ? { family: 'program' } : DESIGNS[arch];
}

/** The choices for a network. */
export interface ArchitectureOptions {
  readonly arch: Architecture;
  readonly numClasses: number;
  readonly generator: Generator;
  /** Default: float32. */
  readonly precision?: Precision | undefined;
  /** Settings of vision transformers, as the next two; defaults: the architecture's. */
  readonly imageSize?: VitOptions['imageSize'] | undefined;
  readonly patchSize?: number | undefined;
  readonly layerNormEps?: number | undefined;
}

/** The plan of a built-in network, with PyTorch's initial weights. Options that its architecture does not take are not read. */
export function builtInPlan({ arch, numClasses, ...given }: Omit<ArchitectureOptions, 'generator'>): Plan {
  const { plan, options = VIT_OPTIONS }: Design = DESIGNS[arch as BuiltIn];
  return plan(numClasses, {
    imageSize: given.imageSize ?? options.imageSize,
    patchSize: given.patchSize ?? options.patchSize,
    layerNormEps: given.layerNormEps ?? options.layerNormEps,
  });
}

/** SimCLR's projection head, Linear, ReLU, Linear: maps features [N, inputs] to projections [N, outputs]. */
export async function createProjectionHead(
  { inputs, hidden, outputs }: { readonly inputs: number; readonly hidden: number; readonly outputs: number },
  generator: Generator,
  { device }: ComputeContext,
): Promise<Network> {
  const net = new PlanBuilder();
  // The names of a torch.nn.Sequential of the three.
  const [first, second] = [net.linear('0', inputs, hidden), net.linear('2', hidden, outputs)];
  net.stage('projection', second(net.call('relu_', { self: value(first(net.images)) })));
  return native().createNetwork({ plan: net.plan(), generator, device });
}
