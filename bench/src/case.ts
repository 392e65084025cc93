import type { JobOptions } from '#src/progress.js';

/** The options of a case's preparation. */
export interface BenchPlace extends JobOptions {
  /** The folder of the data that cases make, which is kept between runs. */
  readonly folder: string;
  /** A run that `trainErm` finished; given if the case needs one. */
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
  /** As much work in bare kernels, each at its fastest: the machine's limit. */
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
  /** Min processor seconds of a repeat, which runs its job up to MAX_RUNS times to reach them; default: 1. */
  readonly leastCpuSeconds?: number;
  /** The target: times faster than the rival. */
  readonly target?: number;
  /** Max of each measure that ours reports. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Whether it is meant for a GPU: `all` includes it only there. */
  readonly needsGpu?: boolean;
  /** Whether `--run` must be given. */
  readonly needsRun?: boolean;
  /** Whether a side is a Python script; default: true. */
  readonly needsPytorch?: boolean;
  /** Makes the files that the sides need. */
  readonly prepare: (place: BenchPlace) => Promise<Sides>;
}

/** A side's answer once it is ready. */
export interface SideReady {
  /** Units of work in a repeat. */
  readonly units: number;
  /** Whether its process's memory is that of the work; default: true. */
  readonly knowsProcess?: boolean;
}

/** A side's answer after one repeat. */
export interface SideRun {
  readonly seconds: number;
  /** Results that both sides must agree in, by name. */
  readonly outcome?: Readonly<Record<string, unknown>>;
  /** Further measurements, by name with their unit. */
  readonly measures?: Readonly<Record<string, number>>;
  /** The part that was run; `seconds` are the part's times of / measured. */
  readonly scaled?: Scaled;
}

export interface Scaled {
  readonly measured: number;
  readonly of: number;
  /** Such as `variants`. */
  readonly what: string;
}
