import type { ComputeContext } from './context.js';

/** Work on the compute lane, and the rest of the work once its values are read. */
export interface PendingRead<Values> {
  readonly read: Promise<Values>;
  readonly finish: (values: Values) => void | Promise<void>;
  /** Called in the end, also after an error. */
  readonly dispose?: () => void;
}

/**
 * Reads that are pending while the next work is begun: a GPU has the next piece's kernels before this one's end, and no step waits
 * for the host. Pieces are finished in their order. On the CPU, whose lane has a queue of its own, each is finished before the next.
 */
export class PendingReads implements AsyncDisposable {
  readonly #pending: PendingRead<unknown>[] = [];
  readonly #max: number;

  constructor({ maxPendingReads }: Pick<ComputeContext, 'maxPendingReads'>) {
    this.#max = maxPendingReads;
  }

  /** Takes one more piece, and finishes the oldest ones until few enough are pending. Throws their errors. */
  async add<Values>(piece: PendingRead<Values>): Promise<void> {
    // Handled when its turn comes.
    piece.read.catch(() => undefined);
    this.#pending.push(piece as PendingRead<unknown>);
    while (this.#pending.length >= this.#max) await this.#finishOldest();
  }

  /** Finishes all that are pending. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#finishOldest();
  }

  /** Lets go of what is pending after an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { read, dispose } of this.#pending.splice(0)) {
      await read.catch(() => undefined);
      dispose?.();
    }
  }

  async #finishOldest(): Promise<void> {
    const oldest = this.#pending.shift();
    if (!oldest) return;
    try {
      await oldest.finish(await oldest.read);
    } finally {
      oldest.dispose?.();
    }
  }
}
