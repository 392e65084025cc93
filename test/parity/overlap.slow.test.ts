import { join } from 'node:path';
import { RANK_BIN } from '../../src/experiments/results.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { report } from './compare.js';
import { reference } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const run = join(folder, 'run');

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun({ data, out: run, arch: 'resnet20', epochs: 1, batchSize: 42, device: 'cpu', threads: 1 });
});

test('ranks by magnitude equal PyTorch\u2019s in all three readings of Fig. 3', async () => {
  const result = await traceOverlap({ run, data, seed: 0, device: 'cpu', threads: 1, fraction: 0.01 });
  const byMagnitude = result.entries.filter(({ rankedBy }) => rankedBy === 'magnitude');
  const groups = new Set(byMagnitude.map(({ group }) => group));
  for (const group of groups) {
    const entries = byMagnitude.filter((entry) => entry.group === group);
    expect(entries.map(({ reading }) => reading)).toEqual(['model', 'layer', 'weights']);
    const neurons = entries[0]?.neurons ?? [];
    expect(neurons.length).toBe(8);
    const oracle = JSON.parse(
      reference('overlap', {
        weights: new RunFolder(run).best,
        bin: RANK_BIN,
        neurons: neurons.map(({ layer, index }) => [layer, index]),
      }),
    ) as { ranks: Record<string, number>[]; counts: number[] };
    for (const { reading = '', neurons: ranked, counts } of entries) {
      const worst = Math.max(
        ...ranked.map(({ percentile }, i) =>
          Math.abs(percentile - (oracle.ranks[i]?.[reading] ?? Number.NaN)),
        ),
      );
      report(`Fig. 3, ranks among ${reading}, group ${group}, max difference in percent`, worst, 1e-9);
      expect(worst).toBeLessThanOrEqual(1e-9);
      if (counts) expect(counts).toEqual(oracle.counts);
    }
  }
});
