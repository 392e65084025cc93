import type { BenchResult, CaseResult, SideResult } from '../../bench/src/result.js';
import { trainOptions } from '../cli/support.js';
import { ermRun, tinyDominoes } from '../fixtures.js';

/** An epoch of a ResNet-18 on the tiny dominoes, which workloads start from. */
export async function tinyRun(data: string, out: string): Promise<void> {
  await tinyDominoes(data, { train: [16, 4, 4, 12] });
  await ermRun({ ...trainOptions(data, out), arch: 'resnet18', batchSize: 16, lr: 1e-3, resume: false });
}

function side(label: string, seconds: number): SideResult {
  return {
    label,
    seconds: [seconds],
    median: seconds,
    perSecond: 1 / seconds,
    peakBytes: 1e8,
    cpuSeconds: seconds,
    measures: {},
    scaled: null,
  };
}

/** A case as it is measured, in which ours was so many times faster. */
export function caseWithRatio(name: string, ratio: number): CaseResult {
  return {
    name,
    description: name,
    unit: 'images',
    units: 1,
    ours: side('spurmem', 1),
    rival: side('PyTorch', ratio),
    ratio: { median: ratio, quartiles: [ratio, ratio], range: [ratio, ratio], pairs: [ratio] },
    memoryRatio: 1,
    floor: null,
    agreement: null,
    target: null,
    limits: {},
    missed: [],
  };
}

export function resultOf(...cases: CaseResult[]): BenchResult {
  return { kind: 'bench', machine: { cores: 2 }, device: 'cpu', threads: 2, cases, comparison: null };
}
