/** An argument of an operator. */
export interface PlanArgument {
  /** An earlier value, or several; or the kind of `numbers` or `text`. Dtypes and memory formats are c10's numbers. */
  readonly kind:
    | 'none'
    | 'value'
    | 'values'
    | 'int'
    | 'ints'
    | 'float'
    | 'floats'
    | 'bool'
    | 'bools'
    | 'text'
    | 'dtype'
    | 'memoryFormat'
    | 'layout'
    | 'device';
  readonly numbers?: readonly number[];
  readonly text?: string;
  /** Values by number; -1: none, or for `ints` the number at that place. */
  readonly values?: readonly number[];
}

/** A call of an operator of ATen. */
export interface PlanNode {
  /** `conv2d`, with an overload `conv2d.padding`; or `symbolic.mul` of sizes. */
  readonly target: string;
  readonly arguments: Readonly<Record<string, PlanArgument>>;
  /** Arguments that differ in evaluation. */
  readonly evaluation?: Readonly<Record<string, PlanArgument>>;
  /** The values that it makes: one, or a list of tensors; null: an unused one. */
  readonly results: readonly (number | readonly number[] | null)[];
  /** The layer whose output it is, for Grad-CAM and mean outputs. */
  readonly layer?: string;
  /** Whether evaluation calls it; default: yes. */
  readonly inEvaluation?: boolean;
  /** Whether it counts a batch-norm's batches, which only training with shared statistics does. */
  readonly isCount?: boolean;
  /** The value that stands for its result if it is not called. */
  readonly alias?: number;
  /** The value whose dtype its result has. */
  readonly typeOf?: number;
}

/** A step of the initial values. `scale` is the value, the bound of both sides, or the standard deviation. */
export interface InitialStep {
  /** Of a parameter or buffer. */
  readonly name: string;
  readonly kind: 'constant' | 'uniform' | 'normal' | 'truncated normal';
  readonly scale: number;
}

/** A network as calls over numbered values. */
export interface Plan {
  /** The number of values. */
  readonly values: number;
  readonly inputs: readonly {
    readonly kind: 'parameter' | 'buffer' | 'constant';
    readonly name: string;
    readonly value: number;
    readonly shape: readonly number[];
    /** c10's number. */
    readonly dtype: number;
  }[];
  /** How parameters and buffers, zero at first, get their initial values: drawn one after the other from the generator. */
  readonly initial: readonly InitialStep[];
  /** Values that are the number of images. */
  readonly batchSizes: readonly number[];
  readonly nodes: readonly PlanNode[];
  /** Calls from `begin` to before `end`, from one value to another; `prelude`: earlier calls that it needs if a pass begins with it. */
  readonly stages: readonly {
    readonly name: string;
    readonly begin: number;
    readonly end: number;
    readonly input: number;
    readonly output: number;
    readonly prelude: readonly number[];
  }[];
  /** Layers of neurons, by their parameters. */
  readonly layers: readonly {
    readonly name: string;
    readonly weight: string;
    readonly bias: string | null;
    readonly stage: number;
    readonly isShortcut: boolean;
  }[];
  /** The layer that gives the logits, and its call; null: none. */
  readonly head: { readonly name: string; readonly node: number } | null;
  /** Calls that one kernel may run in evaluation: a convolution, and what follows it alone. */
  readonly groups: readonly {
    readonly convolution: number;
    readonly norm: number;
    readonly sum: number | null;
    readonly relu: number | null;
  }[];
  readonly mappable: readonly {
    readonly name: string;
    readonly isChannelsLast: boolean;
  }[];
  readonly mappedByDefault: string;
  readonly patches: readonly [number, number] | null;
}

/** Stages, layers of neurons and parameters of a network, read from its plan. */
export interface NetworkDescription {
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly buffers: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Names of the stages, in the order that a batch passes them. */
  readonly stages: readonly string[];
  /** Layers of neurons, in the order of their parameters. */
  readonly layers: readonly {
    readonly name: string;
    /** The name of the parameter that has its weights. */
    readonly weight: string;
    /** The number of its neurons, and of the weights of each. */
    readonly size: number;
    readonly weights: number;
    /** The stage that runs it. */
    readonly stage: number;
    /** Whether it lies around a residual block's layers, as ResNet's downsample convolutions do. */
    readonly isShortcut: boolean;
  }[];
  /** The classifier: its parameters' names, and the number of its features. Null for a network without one. */
  readonly head: { readonly weight: string; readonly bias: string; readonly features: number } | null;
  /**
   * Layers whose output Grad-CAM can map onto the image, in the order of a forward pass: convolutions (a block's downsample comes
   * last), and a vision transformer's LayerNorms before attention and MLP. The last block's norm2 and the final norm are left out:
   * behind them only the class token counts, so that their patches have no gradient.
   */
  readonly mappable: readonly string[];
  /** The layer that Grad-CAM maps by default: ResNet-50's layer4.2.conv3, as in the article; a transformer's last norm1. */
  readonly mappedByDefault: string;
  /** Rows and columns of a vision transformer's patches. */
  readonly patches: readonly [number, number] | null;
}

/** Describes the network that a plan makes. */
export function describe({
  inputs,
  stages,
  layers,
  head,
  mappable,
  mappedByDefault,
  patches,
}: Plan): NetworkDescription {
  // Tied weights are one parameter of several values.
  const named = [...new Map(inputs.map((input) => [input.name, input])).values()];
  const shapes = new Map(named.map(({ name, shape }) => [name, shape]));
  const shapeOf = (name: string): readonly number[] => shapes.get(name) ?? [];
  const ofKind = (wanted: string) =>
    named.filter(({ kind }) => kind === wanted).map(({ name, shape }) => ({ name, shape }));
  return {
    parameters: ofKind('parameter'),
    buffers: ofKind('buffer'),
    stages: stages.map(({ name }) => name),
    layers: layers.map(({ name, weight, stage, isShortcut }) => {
      const [size = 0, ...others] = shapeOf(weight);
      return { name, size, weight, weights: others.reduce((all, side) => all * side, 1), stage, isShortcut };
    }),
    mappable: mappable.map(({ name }) => name),
    mappedByDefault,
    patches,
    head: head && {
      weight: `${head.name}.weight`,
      bias: `${head.name}.bias`,
      features: shapeOf(`${head.name}.weight`)[1] ?? 0,
    },
  };
}
