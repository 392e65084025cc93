// Changes single bits of checkpoints, results and a run's other files at random places, and reads them:
// node scripts/faults/flips.mjs [--checkpoints 200] [--results 100] [--records 400] [--seed 0]
// Each is refused, naming the file, or read to the same values.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xorshift128plus } from 'pure-rand/generator/xorshift128plus';
import { unstructured } from '../../dist/experiments/traces.js';
import { readProgramFile } from '../../dist/models/exported/archive.js';
import { readSafetensors } from '../../dist/models/safetensors.js';
import { trainingResultSchema } from '../../dist/train/results.js';
import { RunFolder } from '../../dist/train/runFolder.js';
import { NETWORK, spurmem, trainArguments, words, workplace } from './faults.mjs';

const number = (byDefault) => ({ type: 'string', default: byDefault });
const { values } = parseArgs({
  options: {
    checkpoints: number('200'),
    results: number('100'),
    records: number('400'),
    seed: number('0'),
  },
});
const random = xorshift128plus(Number(values.seed));
const { folder, data, remove } = await workplace();
const run = new RunFolder(join(folder, 'run'));
/** Reads files in turn, `times` times, each time with one bit changed. */
async function flip(what, times, files, read) {
  const whole = files.map((path) => readFileSync(path));
  const reference = await Promise.all(files.map(read));
  const row = { what, flips: 0, named: 0, same: 0, unnoticed: 0 };
  for (; row.flips < times; row.flips += 1) {
    const file = row.flips % files.length;
    const [path, bytes] = [files[file], whole[file]];
    const at = uniformInt(random, 0, bytes.length - 1);
    const bit = uniformInt(random, 0, 7);
    const changed = Uint8Array.from(bytes);
    changed[at] ^= 1 << bit;
    writeFileSync(path, changed);
    let outcome;
    try {
      outcome = isDeepStrictEqual(await read(path), reference[file]) ? 'same' : 'unnoticed';
    } catch (error) {
      outcome = error.name === 'SpurmemError' && error.message.includes(path) ? 'named' : 'unnoticed';
      if (outcome === 'unnoticed') console.log(error);
    }
    row[outcome] += 1;
    if (outcome === 'unnoticed') console.log(`${path}, byte ${at}, bit ${bit}`);
    writeFileSync(path, bytes);
  }
  return row;
}

try {
  for (const args of [
    words`${trainArguments(data, run.path)} --epochs 3`,
    words`reproduce fig2 --run ${run.path} --threads 1 --quiet --null-draws 9`,
  ]) {
    const { code, output } = await spurmem(args);
    if (code !== 0) throw new Error(output);
  }
  const result = (path) => {
    const name = /(\w[\w-]*)\.json$/.exec(path)[1];
    const schema = name === 'erm' ? trainingResultSchema : unstructured.schema;
    return run.readResult(name, schema);
  };
  const newest = (await run.savedEpochs()).at(-1);
  const inRun = (name) => join(run.path, name);
  const records = {
    'config.json': [inRun('config.json'), () => run.readConfig()],
    'data.json': [inRun('data.json'), () => run.readData()],
    'epoch.json': [inRun(`checkpoints/epoch-${newest}/epoch.json`), () => run.readMetrics()],
  };
  // That of torch.export, and the one that the run keeps.
  const programs = NETWORK[1].endsWith('.pt2') ? [join(folder, 'model.pt2'), run.program] : [];
  if (programs.length > 0) copyFileSync(NETWORK[1], programs[0]);
  const rows = [
    ...(programs.length > 0
      ? [await flip('programs', Number(values.checkpoints), programs, readProgramFile)]
      : []),
    await flip(
      'checkpoints',
      Number(values.checkpoints),
      [run.weights(newest), run.state(newest)],
      readSafetensors,
    ),
    await flip(
      'results',
      Number(values.results),
      ['erm', 'trace-unstructured'].map((name) => run.result(name)),
      result,
    ),
  ];
  for (const [what, [path, read]] of Object.entries(records)) {
    rows.push(await flip(what, Number(values.records) / 4, [path], read));
  }
  console.table(rows);
  process.exitCode = rows.some(({ unnoticed }) => unnoticed > 0) ? 1 : 0;
} finally {
  remove();
}
