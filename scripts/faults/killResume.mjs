// Kills runs at random moments, goes on with them, and compares every file with one that was never disturbed:
// node scripts/faults/killResume.mjs [--kills 20] [--seed 0] [SUBJECT]..., by default all of `SUBJECTS`
// Every second moment is a random time, the others a random call on a file of the run: between the files of a checkpoint, and
// inside them. Needs a C compiler.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xorshift128plus } from 'pure-rand/generator/xorshift128plus';
import * as tar from 'tar';
import {
  damaged,
  differences,
  Faults,
  filesOf,
  NETWORK,
  serve,
  spurmem,
  words,
  workplace,
} from './faults.mjs';

const { values, positionals } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '0' } },
  allowPositionals: true,
});
const random = xorshift128plus(Number(values.seed));
const { folder, data, remove } = await workplace();
const faults = new Faults(folder);
const erm = join(folder, 'source');
const TINY = words`--threads 1 --quiet`;
const EPOCHS = words`${TINY} --epochs 2 --batch-size 11 --resume`;
const FROM_DATA = words`${NETWORK} ${EPOCHS}`;
const LATE = words`--fraction 0.01 --kick-in-epoch selected`;
const copied = (out) => () => cpSync(erm, out, { recursive: true });
// In the data's folder, which is fetched.
const archive = join(folder, 'archive.tar');
let server;

/** A run's command, which also resumes it; the folder that it writes; the files before it. */
const SUBJECTS = {
  erm: (out) => ({
    args: words`train erm --data ${data} --out ${out} ${FROM_DATA} --augmentation crop=0.7-1,flip=0.5`,
  }),
  finetune: (out) => ({ args: words`train finetune --from ${erm} --out ${out} ${EPOCHS} ${LATE}` }),
  groupdro: (out) => ({ args: words`train groupdro --data ${data} --out ${out} ${FROM_DATA}` }),
  jtt: (out) => ({
    args: words`train jtt --data ${data} --out ${out} ${FROM_DATA} --identification-epochs 1 --upweight 3`,
  }),
  cnc: (out) => ({
    args: words`train cnc --data ${data} --out ${out} ${FROM_DATA} --identification-epochs 1 --anchors 2 --positives 2 --negatives 2`,
  }),
  trace: (out) => ({
    args: words`reproduce fig2 --run ${out} --threads 1 --quiet --null-draws 9`,
    before: copied(out),
  }),
  study: (out) => ({ args: studyOf('table4', out) }),
  // Every training method, fine-tuning among them, killed again and again before it is finished and compared.
  part2: (out) => ({ isOneRow: true, args: studyOf('baselines', out) }),
  store: () => ({
    args: words`train dfr --from ${erm} --out ${join(folder, 'dfr')} --threads 1 --quiet --resume`,
    before: () => rmSync(join(folder, 'dfr'), { recursive: true, force: true }),
    written: join(data, '.spurmem'),
  }),
  report: (out) => ({ args: words`report --run ${out} --quiet`, before: copied(out) }),
  fetch: (out) => ({ args: words`fetch waterbirds --data ${out} --from ${archive} --quiet` }),
  download: (out) => ({ args: words`fetch waterbirds --data ${out} --from ${server.address} --quiet` }),
  weights: (out) => ({
    args: words`fetch weights resnet50 --out ${out} --from ${server.address} --sha256 ${server.sha256} --quiet`,
  }),
};

async function prepared() {
  const ran = await spurmem(words`train erm --data ${data} --out ${erm} ${FROM_DATA}`);
  if (ran.code !== 0) throw new Error(ran.output);
  await tar.c({ cwd: folder, file: archive, portable: true }, ['data']);
  server = {
    ...(await serve(archive)),
    sha256: createHash('sha256').update(readFileSync(archive)).digest('hex'),
  };
}

/** A study of one seed. */
function studyOf(name, out) {
  const [, arch] = NETWORK;
  const short = { epochs: 1, batchSize: 42 };
  const ofData = JSON.stringify({ arch, ...short });
  const run = JSON.stringify({ ...short, fraction: 0.01, kickInEpoch: 'selected' });
  const set = [
    '--set',
    `settings.data=${ofData}`,
    `settings.run=${run}`,
    'data.dataset.compared.tested=false',
  ];
  return [...words`study run ${name} --data ${data} --out ${out} ${TINY} --seeds 0`, ...set];
}

/** Files next to a folder whose names begin with the folder's. */
const siblings = (path) => readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.`));

/** Kills a command `kills` times, and compares its final files. */
async function attack(name) {
  const { args, before, isOneRow = false, written = join(folder, name) } = SUBJECTS[name](join(folder, name));
  const fresh = () => {
    rmSync(written, { recursive: true, force: true });
    if (dirname(written) === folder)
      for (const name of siblings(written))
        if (!name.endsWith('.undisturbed')) rmSync(join(folder, name), { recursive: true, force: true });
    before?.();
  };
  const run = async (options = {}) => {
    const ran = await spurmem(args, { environment: faults.environment, ...options });
    if (ran.code !== 0 && ran.signal === null) throw new Error(`${name}: ${ran.output}`);
    return ran;
  };
  fresh();
  faults.set({ below: written });
  const undisturbed = await run();
  const calls = faults.calls;
  const reference = `${written}.undisturbed`;
  renameSync(written, reference);

  const counts = { killed: 0, untouched: 0, halfWritten: 0, different: 0, left: 0 };
  let seconds = 0;
  const kills = Number(values.kills);
  let goesOn = false;
  for (let kill = 0; counts.killed < kills && kill < 2 * kills; kill += 1) {
    if (!goesOn) fresh();
    // A process starts in about a third of its time, and writes nothing meanwhile.
    const killAfter =
      kill % 2 === 0 && !isOneRow
        ? 1000 * undisturbed.seconds * (0.3 + 0.6 * uniformFloat64(random))
        : undefined;
    const call = uniformInt(random, 1, isOneRow ? Math.min(calls, Math.ceil((4 * calls) / kills)) : calls);
    faults.set(killAfter === undefined ? { below: written, action: 'kill', call } : {});
    const killed = await run({ killAfter });
    faults.set({});
    counts[killed.signal === null ? 'untouched' : 'killed'] += 1;
    if (existsSync(written)) counts.halfWritten += damaged(written).length;
    goesOn = isOneRow && killed.signal !== null && counts.killed < kills;
    if (goesOn) continue;
    const isFetched = /fetch|download/.test(name) && existsSync(written);
    // A fetched data set is not fetched again.
    const resumed = isFetched ? killed : await run();
    seconds = Math.max(seconds, resumed.seconds);
    const differing = differences(written, reference);
    if (differing.length > 0) {
      counts.different += 1;
      console.log(
        `${name}, ${killAfter === undefined ? `call ${call}` : `after ${Math.round(killAfter)} ms`}: ${differing.join(', ')}`,
      );
    }
    counts.left += filesOf(written).filter((file) => /\.(tmp|part)$/.test(file)).length;
    if (dirname(written) === folder) counts.left += siblings(written).length - 1;
  }
  return {
    subject: name,
    calls,
    ...counts,
    undisturbed: undisturbed.seconds.toFixed(1),
    slowestResume: seconds.toFixed(1),
  };
}

const names = positionals.length > 0 ? positionals : Object.keys(SUBJECTS);
try {
  await prepared();
  const rows = [];
  for (const name of names) rows.push(await attack(name));
  console.table(rows);
  const bad = rows.some(({ halfWritten, different, left }) => halfWritten + different + left > 0);
  process.exitCode = bad ? 1 : 0;
} finally {
  server?.close();
  faults.close();
  remove();
}
