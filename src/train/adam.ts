import { takeData, withTensors } from '../models/model.js';
import type { TensorData } from '../models/safetensors.js';
import { native } from '../native/addon.js';
import type { NativeAdam, Network, Tensor } from '../native/interface.js';

/** The part of a step that is not finite: gradients, or weights and running statistics after it. */
export type Infinite = 'gradients' | 'weights';

/** torch.optim.Adam with `fused=True` and its default betas and eps. Dispose it: V8 does not account for the moments’ memory. */
export class Adam implements Disposable {
  readonly #native: NativeAdam;

  constructor(
    { network }: { readonly network: Network },
    public lr: number,
    weightDecay = 0,
  ) {
    this.#native = new (native().Adam)(network, { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay });
  }

  async step(): Promise<Infinite | undefined> {
    const { gradients, weights } = await this.#native.step(this.lr);
    return gradients ? (weights ? undefined : 'weights') : 'gradients';
  }

  async stateDict(): Promise<Record<string, TensorData>> {
    return takeData(await this.state());
  }

  /** `exp_avg.<parameter>`, `exp_avg_sq.<parameter>`, `step.<parameter>`, which share memory with the optimizer. */
  state(): Promise<Record<string, Tensor>> {
    return this.#native.state();
  }

  async loadStateDict(state: Readonly<Record<string, TensorData>>): Promise<void> {
    await withTensors(state, (tensors) => this.#native.loadState(tensors));
  }

  /** Frees the moments, and the network unless it is held elsewhere. */
  [Symbol.dispose](): void {
    this.#native.dispose();
  }
}
