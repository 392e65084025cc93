import type { Tensor } from './addon.js';

/** Tensors that are freed together, at the end of the scope of a `using` declaration. */
export class TensorScope implements Disposable {
  readonly #tensors = new Set<Tensor>();

  /** Takes a tensor, or all of an object's, and returns what it was given. */
  own<Made extends Tensor | Readonly<Record<string, Tensor>>>(made: Made): Made {
    for (const tensor of tensorsOf(made)) this.#tensors.add(tensor);
    return made;
  }

  /** Lets tensors outlive the scope. */
  release(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.#tensors.delete(tensor);
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

function tensorsOf(made: Tensor | Readonly<Record<string, Tensor>>): readonly Tensor[] {
  return isTensor(made) ? [made] : Object.values(made);
}

function isTensor(made: Tensor | Readonly<Record<string, Tensor>>): made is Tensor {
  return typeof made.dispose === 'function';
}
