import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { native } from '../native/addon.js';
import { ComputeContext, type InContext, isOutOfMemory } from '../native/context.js';
import type { Network, Tensor } from '../native/interface.js';
import { describe, type NetworkDescription, type Plan } from '../native/plan.js';
import { type Architecture, type ArchitectureOptions, builtInPlan, isProgram } from './architectures.js';
import type { Program } from './exported/program.js';
import type { TensorData } from './safetensors.js';

/** A network on a device. Dispose it, or declare it with `using`. */
export class Model implements Disposable {
  readonly description: NetworkDescription;
  /** The names of the classifier's parameters, and how many features it takes; null: no one linear layer gives the logits. */
  readonly head: NetworkDescription['head'];
  /**
   * Neurons in the whole model, M: the output channels of all convolutions, downsample ones included, or the output
   * rows of a vision transformer's qkv, proj, fc1 and fc2.
   */
  readonly numNeurons: number;

  private constructor(
    readonly arch: Architecture,
    readonly numClasses: number,
    readonly context: ComputeContext,
    readonly network: Network,
    readonly plan: Plan,
    /** The program that it runs; undefined: a built-in network. */
    readonly program?: Program,
  ) {
    this.description = describe(plan);
    this.head = this.description.head;
    this.numNeurons = this.description.layers.reduce((sum, layer) => sum + layer.size, 0);
  }

  /**
   * A network with the initial weights that torchvision's constructor draws after `torch.manual_seed(seed)`,
   * where `generator` stands for PyTorch's default generator, whose next draws follow. A file of torch.export becomes a network with
   * that file's weights; a head of another number of classes is drawn.
   *
   * @throws `USAGE`, and `MODEL_INVALID` for a file that is damaged or uses what is not supported
   */
  static async create(options: InContext & ArchitectureOptions): Promise<Model> {
    // The checks are loaded when a model is made, so that importing the library is cheap.
    const { checkModelOptions } = await import('./modelOptions.js');
    checkModelOptions(options);
    const context = ComputeContext.of(options);
    if (isProgram(options.arch)) {
      // The reader is loaded when it is needed.
      const { readProgram } = await import('./exported/program.js');
      return Model.ofProgram(await readProgram(options.arch), options, context);
    }
    const { arch, numClasses, generator, precision = 'fp32' } = options;
    const { device, memoryFormat } = context;
    const plan = builtInPlan(options);
    const network = await native().createNetwork({ plan, generator, device, memoryFormat, precision });
    return new Model(arch, numClasses, context, network, plan);
  }

  /** The network of a program that is read, tried on two images of a given size. Throws `MODEL_INVALID` if it cannot be run. */
  static async ofProgram(
    program: Program,
    { numClasses, generator, precision = 'fp32', imageSize }: Omit<ArchitectureOptions, 'arch'>,
    context: ComputeContext,
  ): Promise<Model> {
    if (program.plan.head === null && program.classes !== numClasses) {
      const problem = `${program.name} gives logits of ${program.classes} classes, and the data have ${numClasses}.`;
      const advice = [
        'It does not end with torch.nn.Linear, which could be replaced: export it for these classes.',
      ];
      throw new SpurmemError('MODEL_INVALID', problem, { advice });
    }
    const { weights = {}, constants, ...file } = program.file;
    const { device, memoryFormat } = context;
    const plan = program.planFor(numClasses);
    const network = await usable(program, () =>
      withTensors(constants, (tensors) =>
        native().createNetwork({ plan, constants: tensors, generator, device, memoryFormat, precision }),
      ),
    );
    // The network owns the weights from here on; a second copy would stay as long as the model.
    const own = { ...program, file: { ...file, constants, weights: undefined } };
    const model = new Model(program.name, numClasses, context, network, plan, own);
    const { head, description } = model;
    const isNewHead = program.classes !== numClasses;
    const names = [...description.parameters, ...description.buffers]
      .map(({ name }) => name)
      .filter((name) => Object.hasOwn(weights, name))
      .filter((name) => !(isNewHead && (name === head?.weight || name === head?.bias)));
    // One after the other, so that no second copy of all is made.
    for (const name of names) await model.loadStateDict({ [name]: weights[name] as TensorData });
    if (imageSize !== undefined) await usable(program, () => model.#tryOn(imageSize));
    return model;
  }

  /** The classifier, for what needs its features. Throws `MODEL_INVALID` if no one linear layer gives the logits. */
  get linearHead(): NonNullable<NetworkDescription['head']> {
    if (this.head !== null) return this.head;
    const problem = `${this.arch} does not end with one linear layer, whose input this takes as features.`;
    throw new SpurmemError('MODEL_INVALID', problem, {
      advice: ['Export a network that ends with torch.nn.Linear. Training by ERM and traces need none.'],
    });
  }

  /** Size of the penultimate features, which the classifier takes. */
  get numFeatures(): number {
    return this.linearHead.features;
  }

  /** All parameters and buffers by PyTorch name, copied to the CPU: the model's `state_dict`. */
  async stateDict(): Promise<Record<string, TensorData>> {
    return takeData(await this.network.state());
  }

  /**
   * Copies values into the parameters and buffers of their names; the others keep theirs. Nothing changes when a
   * name is unknown or a shape differs.
   */
  async loadStateDict(state: Readonly<Record<string, TensorData>>): Promise<void> {
    await withTensors(state, (tensors) => this.network.loadState(tensors));
  }

  [Symbol.dispose](): void {
    this.network.dispose();
  }

  async #tryOn([height, width]: readonly [number, number]): Promise<void> {
    try {
      using images = await this.context.tensor(new Float32Array(6 * height * width), [2, 3, height, width]);
      (await this.network.run(images)).logits.dispose();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }
}

/** Runs a job whose errors are a program's fault, except that memory has run out. Throws `MODEL_INVALID`. */
async function usable<Result>({ name }: Program, job: () => Promise<Result>): Promise<Result> {
  try {
    return await job();
  } catch (error) {
    if (systemCode(error) !== 'NATIVE_FAILED' || isOutOfMemory(error)) throw error;
    throw new SpurmemError('MODEL_INVALID', `${name} cannot be run: ${messageOf(error)}.`, {
      advice: ['It is damaged, or not what torch.export writes: export it again.'],
      cause: error,
    });
  }
}

/** Copies tensors out of the engine and disposes them. */
export async function takeData(
  tensors: Readonly<Record<string, Tensor>>,
): Promise<Record<string, TensorData>> {
  const entries = Object.entries(tensors);
  const take = async ([name, tensor]: (typeof entries)[number]) =>
    [name, { shape: tensor.shape, data: await tensor.data() }] as const;
  try {
    return Object.fromEntries(await Promise.all(entries.map(take)));
  } finally {
    for (const [, tensor] of entries) tensor.dispose();
  }
}

/** Runs `use` with engine copies of the values, and disposes them. */
export async function withTensors<Result>(
  state: Readonly<Record<string, TensorData>>,
  use: (tensors: Record<string, Tensor>) => Promise<Result>,
): Promise<Result> {
  const tensors: Record<string, Tensor> = {};
  try {
    for (const [name, { data, shape }] of Object.entries(state)) {
      tensors[name] = await native().tensor(data, shape, 'cpu');
    }
    return await use(tensors);
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
}
