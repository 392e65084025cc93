import { takeData, withTensors } from '../models/model.js';
import type { TensorData } from '../models/safetensors.js';
import { native, type NativeAdam, type Network, type Tensor } from '../native/addon.js';

/** What of a step was not finite: gradients, or weights and running statistics after it. */
export type Infinite = 'gradients' | 'weights';

/** torch.optim.Adam with `fused=True` over a network's parameters. */
export class Adam {
  readonly #native: NativeAdam;

  constructor(
    { network }: { readonly network: Network },
    public lr: number,
    options: {
      readonly betas?: readonly [number, number];
      readonly eps?: number;
      readonly weightDecay?: number;
    } = {},
  ) {
    const [beta1, beta2] = options.betas ?? [0.9, 0.999];
    this.#native = new (native().Adam)(network, {
      beta1,
      beta2,
      eps: options.eps ?? 1e-8,
      weightDecay: options.weightDecay ?? 0,
    });
  }

  async step(): Promise<Infinite | undefined> {
    const { gradients, weights } = await this.#native.step(this.lr);
    return gradients ? (weights ? undefined : 'weights') : 'gradients';
  }

  /** Moments and step counts: `exp_avg.<parameter>`, `exp_avg_sq.<parameter>`, `step.<parameter>`. */
  async stateDict(): Promise<Record<string, TensorData>> {
    return takeData(await this.state());
  }

  /** The same as tensors that share memory with the optimizer. */
  state(): Promise<Record<string, Tensor>> {
    return this.#native.state();
  }

  async loadStateDict(state: Readonly<Record<string, TensorData>>): Promise<void> {
    await withTensors(state, (tensors) => this.#native.loadState(tensors));
  }
}
