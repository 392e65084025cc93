import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RunFolder } from '../../src/train/runFolder.js';
import { node } from '../cli/support.js';
import { builtRuns, expectSameRun } from './support.js';

const runs = builtRuns();

test.each(['decoding', 'epoch 2/2'])(
  'a run of a worker that is terminated in %s goes on in the same process, to the same bits',
  async (task) => {
    await rm(join(runs.base.data, '.spurmem'), { recursive: true, force: true });
    const run = new RunFolder(join(runs.folder, task.replace(/\W/g, '-')));
    // Sharp decodes these few images in as long as it takes to see it.
    const environment = task === 'decoding' ? { SPURMEM_DECODERS: 'off' } : {};
    const options = JSON.stringify({ ...runs.base, out: run.path });
    const { status, stderr } = node(['test/train/terminatedWorker.mjs', options, task], environment);
    expect([status, stderr]).toEqual([0, '']);
    await expectSameRun(run, runs.reference);
  },
);
