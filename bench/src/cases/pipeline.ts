import type { BenchCase } from '../case.js';
import { pictures } from '../data.js';

const BATCH = 32;

/** JPEG files to normalized batches of 224 px, against torchvision's transforms and DataLoader. */
function pipelineCase(
  training: boolean,
  workers: number,
  { target, isCold = false }: { readonly target?: number; readonly isCold?: boolean } = {},
): BenchCase {
  const transforms = training ? 'train' : 'eval';
  const label = `DataLoader, ${workers} workers`;
  return {
    name: `pipeline-${transforms}-${workers}-workers${isCold ? '-cold' : ''}`,
    description: `500 x 375 JPEG to 224 px, ${training ? 'training' : 'evaluation'} transforms${isCold ? ', nothing decoded yet' : ''}, against ${label}`,
    unit: 'images',
    repeats: 7,
    warmups: 1,
    ...(target === undefined ? {} : { target }),
    prepare: async (place) => {
      const settings = { data: await pictures(place), batch: BATCH, training };
      return {
        ours: {
          program: 'spurmem',
          label: 'spurmem',
          workload: 'pipeline',
          settings: { ...settings, isCold },
        },
        rival: { program: 'python', label, script: 'bench_pipeline', settings: { ...settings, workers } },
      };
    },
  };
}

export const PIPELINE: readonly BenchCase[] = [
  pipelineCase(false, 0),
  pipelineCase(false, 2),
  pipelineCase(true, 0, { target: 4 }),
  pipelineCase(true, 2),
  pipelineCase(true, 2, { isCold: true, target: 1.5 }),
];
