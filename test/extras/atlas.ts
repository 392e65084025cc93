import { colorPng, greyPng, inputThumbnail } from '../../src/data/pictures.js';
import type { AtlasNeuron, AtlasResult, StrongImage } from '../../src/extras/atlas/result.js';
import { groupAccuracies } from '../../src/metrics/groups.js';
import { changeInterval } from '../../src/metrics/intervals.js';
import type { RunReport } from '../../src/report/figure.js';
import { fullReport, NAMES, trace, TRAIN } from '../report/fixtures.js';

const SIDE = 64;
const TOTAL = [128, 184, 56, 128];
/** Images of each group. */
const EACH = 6;

/** An image of one grey. */
function image(example: number): Promise<AtlasResult['pictures'][number]['image']> {
  const values = new Float32Array(3 * SIDE * SIDE).fill(0.1 + 0.03 * example);
  return inputThumbnail(values, [SIDE, SIDE]);
}

async function strong(example: number, place: StrongImage['place']): Promise<StrongImage> {
  const cells = Float32Array.from({ length: 64 }, (_, at) => (at === 9 ? 1 : 0));
  return {
    example,
    filename: `images/train/${example}.png`,
    group: Math.floor(example / EACH),
    activation: 3 - 0.1 * example,
    place,
    frame: place && { top: 8 * place.row, left: 8 * place.column, height: 16, width: 24 },
    map: place && (await greyPng(cells, 8, 8)),
  };
}

/** A neuron that takes `lost` examples of the third group. */
async function neuron(
  index: number,
  role: AtlasNeuron['role'],
  { lost, moved }: { readonly lost: number; readonly moved: number },
): Promise<AtlasNeuron> {
  const images = await Promise.all(
    NAMES.flatMap((_, group) => [0, 1, 2].map((at) => strong(EACH * group + at, { row: 1, column: 1 }))),
  );
  const zeroedOf = (total: number, count: number) => ({
    total,
    accuracy: 1 - count / total,
    change: -count / total,
    changeInterval: changeInterval({ total, lost: count, gained: 0 }),
    lost: count,
    gained: 0,
  });
  return {
    layer: 'conv1',
    index,
    role,
    chosenBy: role === 'chosen' ? [{ criterion: 'gradient', group: 2, rank: 1 }] : [],
    cells: [8, 8],
    highest: 3,
    mean: 0.2,
    groups: NAMES.map((_, group) => ({
      images: TRAIN[group] ?? 0,
      mean: 0.2 + 0.1 * group,
      interval: [0.1 + 0.1 * group, 0.3 + 0.1 * group],
      shift: 0.5 * group - 0.25,
      shiftInterval: [0.5 * group - 0.4, 0.5 * group - 0.1],
      random: [-0.3, 0.3],
    })),
    strongest: images.slice(0, 9),
    strongestOfGroups: NAMES.map((_, group) => images.filter((one) => one.group === group)),
    zeroed: {
      groups: TOTAL.map((total, group) => zeroedOf(total, group === 2 ? lost : 0)),
    },
    flips: Array.from({ length: lost }, (_, at) => ({
      example: 2 * EACH + at,
      filename: `images/train/${2 * EACH + at}.png`,
      group: 2,
      label: 1,
      before: 1,
      after: 0,
    })),
    moved: { distance: moved, rank: 0.5 },
    filter: await colorPng(new Float32Array(3 * 49).fill(0.5), [7, 7]),
  };
}

/** A report with an atlas. */
export const withAtlas = (atlas: AtlasResult): RunReport => ({
  ...fullReport,
  made: [atlas],
});

/** An atlas of a chosen neuron and a random one. */
export async function atlasOf(more: Partial<AtlasResult> = {}): Promise<AtlasResult> {
  const pictures = await Promise.all(
    Array.from({ length: EACH * NAMES.length }, async (_, example) => ({
      example,
      filename: `images/train/${example}.png`,
      group: Math.floor(example / EACH),
      label: example < 2 * EACH ? 0 : 1,
      image: await image(example),
    })),
  );
  return {
    kind: 'neuron-atlas',
    checkpoint: trace.checkpoint,
    seed: 0,
    images: 4795,
    inputSize: [SIDE, SIDE],
    samples: 128,
    baseline: groupAccuracies([128, 183, 55, 128], TOTAL, TRAIN),
    maxRandom: 20,
    initial: 'seed',
    showsImages: true,
    pictures,
    neurons: [
      await neuron(9, 'chosen', { lost: 5, moved: 0.4 }),
      await neuron(30, 'random', { lost: 0, moved: 0.02 }),
    ],
    ...more,
  };
}
