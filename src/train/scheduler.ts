/** torch.optim.lr_scheduler.ReduceLROnPlateau in mode `min` with its defaults (relative threshold 1e-4, no cooldown, eps 1e-8). */
export class ReduceLROnPlateau {
  #lr: number;
  #best = Number.POSITIVE_INFINITY;
  #badEpochs = 0;

  constructor(
    lr: number,
    readonly factor: number,
    readonly patience: number,
  ) {
    this.#lr = lr;
  }

  get lr(): number {
    return this.#lr;
  }

  /** Lowers the rate after more than `patience` epochs without improvement. */
  step(metric: number): void {
    if (metric < this.#best * (1 - 1e-4)) {
      this.#best = metric;
      this.#badEpochs = 0;
    } else {
      this.#badEpochs += 1;
    }
    if (this.#badEpochs > this.patience) {
      const reduced = this.#lr * this.factor;
      if (this.#lr - reduced > 1e-8) this.#lr = reduced;
      this.#badEpochs = 0;
    }
  }

  /** Returns the state as JSON, which has no infinity. */
  state() {
    const best = Number.isFinite(this.#best) ? this.#best : null;
    return { lr: this.#lr, best, badEpochs: this.#badEpochs };
  }

  load({ lr, best, badEpochs }: ReturnType<ReduceLROnPlateau['state']>): void {
    this.#lr = lr;
    this.#best = best ?? Number.POSITIVE_INFINITY;
    this.#badEpochs = badEpochs;
  }
}
