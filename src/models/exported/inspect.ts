import { readProgram } from './program.js';

/** What is known of a network that torch.export wrote. */
export interface ProgramSummary {
  readonly file: string;
  /** sha256 of its calls and constants: those of a run's configuration. */
  readonly program: string;
  /** The PyTorch that exported it. */
  readonly torchVersion: string;
  /** Height and width of its images in pixels; null: any. */
  readonly imageSize: readonly [number, number] | null;
  /** Whether batch-norms keep their statistics where it is trained, since it was exported in evaluation mode. */
  readonly isEvaluationOnly: boolean;
  /** The layer that gives the logits, which is drawn anew for another number of classes. */
  readonly head: { readonly name: string; readonly classes: number; readonly features: number };
  /** Stages, with their layers of neurons: a perturbed layer is evaluated from its stage on. */
  readonly stages: readonly {
    readonly name: string;
    readonly layers: readonly {
      readonly name: string;
      readonly neurons: number;
      readonly weights: number;
      readonly isShortcut: boolean;
    }[];
  }[];
  /** Layers that Grad-CAM can map, and the one that it maps by default. */
  readonly mappable: readonly string[];
  readonly mappedByDefault: string;
  /** How often each operator is called. */
  readonly operators: Readonly<Record<string, number>>;
  readonly parameters: number;
}

/** Reads a network that torch.export.save wrote, and runs nothing. Throws `MODEL_INVALID` naming all that is not supported. */
export async function inspectProgram(path: string): Promise<ProgramSummary> {
  const { file, plan, head, imageSize, isEvaluationOnly, operators } = await readProgram(path);
  const shapes = new Map(plan.inputs.map(({ name, shape }) => [name, shape]));
  const sizeOf = (shape: readonly number[] = []): number =>
    shape.reduce((product, size) => product * size, 1);
  const [classes = 0, features = 0] = shapes.get(`${head.name}.weight`) ?? [];
  return {
    file: path,
    program: file.hash,
    torchVersion: file.program.torch_version,
    imageSize,
    isEvaluationOnly,
    head: { name: head.name, classes, features },
    stages: plan.stages.map(({ name }, stage) => ({
      name,
      layers: plan.layers
        .filter((layer) => layer.stage === stage)
        .map(({ name: layer, weight, isShortcut }) => {
          const shape = shapes.get(weight);
          const neurons = shape?.[0] ?? 0;
          return { name: layer, neurons, weights: sizeOf(shape?.slice(1)), isShortcut };
        }),
    })),
    mappable: plan.mappable.map(({ name }) => name),
    mappedByDefault: plan.mappedByDefault,
    operators: Object.fromEntries([...operators].sort(([a], [b]) => (a < b ? -1 : 1))),
    parameters: [...new Map(plan.inputs.map((input) => [input.name, input])).values()]
      .filter(({ kind }) => kind === 'parameter')
      .reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  };
}
