/** What has been handed to the compute lane, and what is to be done once its values are here. */
export interface UnderWay<Values> {
  readonly read: Promise<Values>;
  readonly finish: (values: Values) => void | Promise<void>;
  /** Called in the end, whatever came of it. */
  readonly dispose?: () => void;
}

/**
 * Work whose values are read in arrears: a GPU has the next piece's kernels before this one's end, and no step waits for the host.
 * Pieces are finished in their order. Of the CPU, whose lane has a queue of its own, each is finished before the next one.
 */
export class Arrears implements AsyncDisposable {
  readonly #underWay: UnderWay<unknown>[] = [];
  readonly #most: number;

  constructor(device: string) {
    // What a GPU does can be tried on the CPU.
    const asked = Number(process.env.SPURMEM_ARREARS);
    this.#most = asked > 0 ? asked : device === 'cpu' ? 1 : 3;
  }

  /** Takes one more piece, and finishes the oldest ones until few enough are under way. Throws what one of them threw. */
  async add<Values>(piece: UnderWay<Values>): Promise<void> {
    // Handled when its turn comes.
    piece.read.catch(() => undefined);
    this.#underWay.push(piece as UnderWay<unknown>);
    while (this.#underWay.length >= this.#most) await this.#finishOldest();
  }

  /** Finishes all that is under way. */
  async drain(): Promise<void> {
    while (this.#underWay.length > 0) await this.#finishOldest();
  }

  /** Lets go of what is under way after an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { read, dispose } of this.#underWay.splice(0)) {
      await read.catch(() => undefined);
      dispose?.();
    }
  }

  async #finishOldest(): Promise<void> {
    const oldest = this.#underWay.shift();
    if (!oldest) return;
    try {
      await oldest.finish(await oldest.read);
    } finally {
      oldest.dispose?.();
    }
  }
}
