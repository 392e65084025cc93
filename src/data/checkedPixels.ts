import { rm } from 'node:fs/promises';
import { SpurmemError } from '../errors.js';
import type { NativeImageStore } from '../native/addon.js';
import type { ImageStoreIndex } from './storeIndex.js';

/** Checks the pixels of a store against their checksums, each image when it is first used. */
export class CheckedPixels {
  readonly #isChecked: Uint8Array;

  constructor(
    readonly store: NativeImageStore,
    readonly index: ImageStoreIndex,
  ) {
    this.#isChecked = new Uint8Array(index.checksums.length);
  }

  /**
   * Checks examples that were not checked before. Throws `IMAGE_INVALID` for pixels that have changed since they were decoded; the store
   * is then built anew by the next call.
   *
   * @param nameOf an example's image, for the message
   */
  async check(indices: Int32Array, nameOf: (index: number) => string): Promise<void> {
    const unchecked = indices.filter((index) => this.#isChecked[index] === 0);
    if (unchecked.length === 0) return;
    const sums = new Uint32Array(await this.store.checksums(unchecked));
    for (const [i, index] of unchecked.entries()) {
      if (sums[i] !== this.index.checksums[index]) throw await this.#damaged(nameOf(index));
      this.#isChecked[index] = 1;
    }
  }

  async #damaged(name: string): Promise<SpurmemError> {
    const { pixelsPath, indexPath } = this.index;
    // Without it there is no store; processes that have the pixels mapped keep them.
    await rm(indexPath, { force: true }).catch(() => undefined);
    const problem = `${pixelsPath}: the decoded pixels of ${name} have changed since they were written: the disk or a program has damaged them.`;
    return new SpurmemError('IMAGE_INVALID', problem, {
      advice: ['The same call decodes the images anew.', 'A run is continued with `resume`.'],
    });
  }
}
