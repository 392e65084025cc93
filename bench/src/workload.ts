import type { SideReady, SideRun } from './case.js';

/** Our measured work, in a process of its own. */
export interface Workload extends SideReady {
  /** One repeat. It measures itself: only it knows where set-up ends. */
  readonly run: () => Promise<SideRun>;
}

/** The device and threads of a workload. */
export interface WorkloadPlace {
  readonly device: string;
  readonly threads: number;
}

/** A share of each job's time, and of its processor time, added on purpose: a slowdown that scripts/guard.sh should find. */
const PLANTED = Number(process.env.SPURMEM_BENCH_SLOWDOWN ?? 0);

/** Seconds that a job takes. */
export async function secondsOf(job: () => Promise<void>): Promise<number> {
  const start = performance.now();
  const before = cpuMilliseconds();
  await job();
  const end = start + (1 + PLANTED) * (performance.now() - start);
  const cpuEnd = before + (1 + PLANTED) * (cpuMilliseconds() - before);
  while (PLANTED > 0 && (performance.now() < end || cpuMilliseconds() < cpuEnd));
  return (performance.now() - start) / 1000;
}

/** Of all threads of this process. */
function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
