import { allowedMemory } from '../machine.js';

const MIB = 2 ** 20;
/** The share of the machine's memory that images may take while they are decoded, by default. */
const SHARE = 1 / 8;
/** A small machine's default: so much, and half of its memory at most. */
const LEAST_BYTES = 1024 * MIB;

/** The bytes that images may take by default while they are decoded, by the memory of the machine or of this process's control group. */
export function defaultDecodeBytes(): number {
  const memory = allowedMemory();
  return Math.floor(Math.max(memory * SHARE, Math.min(memory / 2, LEAST_BYTES)));
}

/** A part of a budget, for one job after the other. */
export interface MemoryShare extends Disposable {
  /** Gives back what it has, and waits for so many bytes. Throws where there are fewer in all. */
  hold(bytes: number): Promise<void>;
}

/** Memory that is given out in the order in which it is asked for. Who waits has none, so that nobody waits for ever. */
export class MemoryBudget {
  #used = 0;
  readonly #waiting: { readonly bytes: number; readonly begin: () => void }[] = [];

  constructor(readonly bytes: number) {}

  /** A part that is empty. Disposing it gives it back. */
  share(): MemoryShare {
    let held = 0;
    return {
      hold: async (bytes) => {
        this.#giveBack(held);
        held = 0;
        if (bytes > this.bytes) {
          const [needed, allowed] = [bytes, this.bytes].map((one) => (one / 1e6).toFixed(0));
          throw new Error(
            `it needs ${needed ?? ''} MB of memory when it is decoded, and ${allowed ?? ''} MB are allowed by \`decodeMemory\``,
          );
        }
        await new Promise<void>((begin) => {
          this.#waiting.push({ bytes, begin });
          this.#serve();
        });
        held = bytes;
      },
      [Symbol.dispose]: () => {
        this.#giveBack(held);
        held = 0;
      },
    };
  }

  #giveBack(bytes: number): void {
    this.#used -= bytes;
    this.#serve();
  }

  #serve(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#used + next.bytes > this.bytes) return;
      this.#waiting.shift();
      this.#used += next.bytes;
      next.begin();
    }
  }
}
