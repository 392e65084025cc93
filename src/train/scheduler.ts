/** The state of a scheduler, as JSON. */
interface ReduceLROnPlateauState {
  readonly lr: number;
  readonly best: number | null;
  readonly badEpochs: number;
}

/**
 * torch.optim.lr_scheduler.ReduceLROnPlateau in mode `min` with its defaults (relative threshold 1e-4, no cooldown,
 * eps 1e-8). The article: factor 0.5, patience 3 for ERM and 1 for fine-tuning.
 */
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

  /** Takes the metric of an epoch, and lowers the rate after more than `patience` epochs without improvement. */
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

  state(): ReduceLROnPlateauState {
    return {
      lr: this.#lr,
      best: Number.isFinite(this.#best) ? this.#best : null,
      badEpochs: this.#badEpochs,
    };
  }

  load(state: ReduceLROnPlateauState): void {
    this.#lr = state.lr;
    this.#best = state.best ?? Number.POSITIVE_INFINITY;
    this.#badEpochs = state.badEpochs;
  }
}
