import type { JobOptions } from '#src/progress.js';

/** The options of a case's preparation. */
export interface BenchPlace extends JobOptions {
  /** The folder of the data that cases make, which is kept between runs. */
  readonly folder: string;
  /** A run that `trainErm` finished; given where the case needs one. */
  readonly run: string | undefined;
  readonly device: string;
  readonly threads: number;
}

/** Settings of a side, passed to its process as JSON. */
export type SideSettings = Readonly<Record<string, unknown>>;

/** One side of a comparison: a process that stays alive and does its work once for each repeat. */
export type SideSpec =
  | {
      /** A workload of `workloads/`, in a Node process. */
      readonly program: 'spurmem';
      readonly label: string;
      readonly workload: string;
      readonly settings: SideSettings;
      /** The checkout whose build runs it; default: this one. */
      readonly checkout?: string;
    }
  | {
      /** A script of `python/`, under the Python that has PyTorch. */
      readonly program: 'python';
      readonly label: string;
      readonly script: string;
      readonly settings: SideSettings;
    };

/** A prepared comparison. */
export interface Sides {
  readonly ours: SideSpec;
  readonly rival: SideSpec;
  /** The same amount of work in bare kernels, each at its best: how fast this machine could be. */
  readonly floor?: SideSpec;
  /** The outcomes that must agree, in words; those that the rival does not report are not compared. */
  readonly agreement?: string;
}

/** One comparison of the benchmark. */
export interface BenchCase {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** The unit that the rates count. */
  readonly unit: string;
  /** Repeats of each side; the default of `--repeats`. */
  readonly repeats: number;
  /** Unmeasured repeats of each side first. */
  readonly warmups: number;
  /** A repeat of less processor time runs its job again, until it has that, or often; default: 1 s. */
  readonly leastCpuSeconds?: number;
  /** Times faster than the rival that the case is meant to be. */
  readonly target?: number;
  /** The most that ours may report of each measure. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Whether it is meant for a GPU; `all` takes it there alone. */
  readonly needsGpu?: boolean;
  /** Whether `--run` must be given. */
  readonly needsRun?: boolean;
  /** Whether a side is a Python script; true unless said otherwise. */
  readonly needsPytorch?: boolean;
  /** Makes the files that the sides need. */
  readonly prepare: (place: BenchPlace) => Promise<Sides>;
}

/** A side's answer once it is ready. */
export interface SideReady {
  /** Units of work in a repeat. */
  readonly units: number;
  /** Whether its process's memory is that of the work; true unless said otherwise. */
  readonly knowsProcess?: boolean;
}

/** A side's answer after one repeat. */
export interface SideRun {
  readonly seconds: number;
  /** Results that both sides must agree in, by name. */
  readonly outcome?: Readonly<Record<string, unknown>>;
  /** Further measurements, by name with their unit. */
  readonly measures?: Readonly<Record<string, number>>;
  /** Only this part was run, and `seconds` are those of the part times of / measured. */
  readonly scaled?: Scaled;
}

export interface Scaled {
  readonly measured: number;
  readonly of: number;
  /** Such as `variants`. */
  readonly what: string;
}
