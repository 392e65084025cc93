import { traceStructured } from '#src/experiments/traceStructured.js';
import { traceUnstructured } from '#src/experiments/traceUnstructured.js';
import type { Precision } from '#src/native/interface.js';
import type { CriterionName } from '#src/neurons/criteria.js';
import { secondsOf, type Workload, type WorkloadPlace } from '../workload.js';

export interface TraceWorkloadSettings {
  /** Results are written into this run's folder. */
  readonly run: string;
  readonly kind: 'structured' | 'unstructured';
  readonly criteria: readonly CriterionName[];
  readonly topK: readonly number[];
  /** Default: the run's. */
  readonly precision?: Precision | undefined;
}

/** A whole trace with the published code's settings: opening the run, scores, selections, variants, result file. */
export function releasedTrace(
  { run, kind, criteria, topK, precision }: TraceWorkloadSettings,
  { device, threads }: WorkloadPlace,
): Promise<Workload> {
  const protocol = 'released';
  const options = {
    device,
    threads,
    run,
    criteria,
    topK,
    precision,
    protocol,
    seed: 0,
    nullDraws: 0,
  } as const;
  return Promise.resolve({
    units: 1,
    run: async () => ({
      seconds: await secondsOf(async () => {
        await (kind === 'structured' ? traceStructured(options) : traceUnstructured(options));
      }),
    }),
  });
}
