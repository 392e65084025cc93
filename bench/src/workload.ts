import type { SideReady, SideRun } from './case.js';

/** Work of ours that is measured; it lives in a process of its own. */
export interface Workload extends SideReady {
  /** One repeat. It measures itself: only it knows where set-up ends. */
  readonly run: () => Promise<SideRun>;
}

/** The device and threads of a workload. */
export interface WorkloadPlace {
  readonly device: string;
  readonly threads: number;
}

/** Seconds that a job takes. */
export async function secondsOf(job: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await job();
  return (performance.now() - start) / 1000;
}
