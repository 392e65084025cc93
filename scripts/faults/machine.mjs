// A machine's effects on a run: node scripts/faults/machine.mjs [paths] [zones] [clock] [files] [memory] [rows]
// Odd paths, time zones and locales, a clock that jumps, few open files, little memory, a table of 1,000,000 rows. A run's
// files are compared byte by byte with those of an undisturbed one. Needs a C compiler.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadDataset } from '../../dist/data/dataset.js';
import { openImageStore } from '../../dist/data/imageStore.js';
import { differences, Faults, limited, spurmem, trainArguments, words, workplace } from './faults.mjs';

const { folder, data, remove } = await workplace();
const faults = new Faults(folder);
const train = (from, out, epochs = 2) => words`${trainArguments(from, out)} --epochs ${String(epochs)}`;
const removeAll = (path) => rmSync(path, { recursive: true, force: true });
const rows = [];
const note = (what, outcome) => rows.push({ what, outcome });

/** Trains, traces and reports; what differs from the reference, which lies at the same place. */
async function wholeJob(from, out, options) {
  const commands = [
    train(from, out),
    words`trace unstructured --run ${out} --criteria magnitude --top-k 1 --null-draws 0 --threads 1 --quiet`,
    words`report --run ${out} --quiet`,
  ];
  for (const args of commands) {
    const { code, signal, output } = await spurmem(args, options);
    if (code !== 0) return `${args[0]}: ${signal ?? code}: ${output.trim()}`;
  }
  return undefined;
}

const reference = join(folder, 'reference');
const run = join(folder, 'run');
const asReference = async (options) => {
  const failed = await wholeJob(data, run, options);
  if (failed !== undefined) return failed;
  const differing = differences(run, reference);
  removeAll(run);
  return differing.length === 0 ? 'equal' : `differs: ${differing.join(', ')}`;
};

const PARTS = {
  async paths() {
    const names = {
      spaces: ' a b  c ',
      quotes: `'"\`$(id);&|<>*?\\`,
      Unicode: '\u00e9e\u0301 \u65e5\u672c \ud83d\udc26 \u202eabc',
      'a line break': 'a\nb\tc',
      '255 bytes': 'x'.repeat(255),
      'a leading dash': '-rf',
    };
    for (const [what, name] of Object.entries(names)) {
      const place = join(folder, 'places', what);
      mkdirSync(place, { recursive: true });
      const from = join(place, name);
      cpSync(data, from, { recursive: true });
      mkdirSync(join(place, 'out'));
      note(`paths with ${what}`, (await wholeJob(from, join(place, 'out', name))) ?? 'ends');
    }
    const image = `images/'"\u00e9 \ud83d\udc26,;${'y'.repeat(230)}.png`;
    const table = readFileSync(join(data, 'metadata.csv'), 'utf8');
    const first = /[^,\n]+\.png/.exec(table)[0];
    const from = join(folder, 'names');
    cpSync(data, from, { recursive: true });
    renameSync(join(from, first), join(from, image));
    writeFileSync(join(from, 'metadata.csv'), table.replace(first, `"${image.replaceAll('"', '""')}"`));
    note('an image name with all of it', (await wholeJob(from, join(folder, 'names-run'))) ?? 'ends');
  },
  async zones() {
    for (const environment of [
      { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' },
      { TZ: 'America/St_Johns', LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' },
      { TZ: 'Nowhere/Nothing', LC_ALL: 'C', LANG: 'xx_YY' },
    ]) {
      note(`${environment.TZ}, ${environment.LC_ALL}`, await asReference({ environment }));
    }
  },
  async clock() {
    for (const clock of [3600, -3600, 20 * 365 * 86400, -10 * 365 * 86400]) {
      faults.set({});
      let jumped = false;
      const jump = sleep(900).then(() => {
        faults.set({ clock });
        jumped = true;
      });
      const outcome = await asReference({ environment: faults.environment });
      await jump;
      note(`clock set by ${clock} s`, jumped ? outcome : 'differs: not set in time');
    }
    // A lock is kept, whatever the clock of another process says.
    faults.set({});
    const holder = spurmem(train(data, run, 300), { killAfter: 20_000 });
    await sleep(4000);
    faults.set({ clock: 86400 });
    const other = await spurmem(train(data, run, 300), { environment: faults.environment });
    note(
      'a lock, seen a day later',
      /is writing to/.test(other.output) ? 'kept' : `differs: not kept: ${other.output}`,
    );
    faults.set({});
    await holder;
    removeAll(run);
  },
  async files() {
    for (const limit of [32, 64, 128, 256]) {
      const shell = limited(`-n ${limit}`);
      removeAll(join(data, '.spurmem'));
      const outcome = await asReference({ shell });
      // Node.js opens the modules of a command side by side.
      const isRefused = limit < 256 && outcome.includes('Raise the limit on open files: ulimit -n 256.');
      note(`at most ${limit} open files`, isRefused ? 'refused, and says why' : outcome);
      removeAll(run);
    }
  },
  async memory() {
    for (const megabytes of [1000, 2000, 2500, 3000, 4000]) {
      const shell = limited(`-v ${megabytes * 1000}`);
      const args = words`train erm --data ${data} --out ${run} --arch resnet50 --batch-size 84 --threads 1 --quiet
        --epochs 1`;
      const { code, signal, output } = await spurmem(args, { shell });
      note(
        `${megabytes} MB of addresses`,
        code === 0 ? 'ends' : `${signal ?? code}: ${output.trim().split('\n')[0]}`,
      );
      removeAll(run);
    }
  },
  async rows() {
    const from = join(folder, 'rows');
    mkdirSync(from);
    const files = Array.from({ length: 116 }, (_, i) => i);
    const table = readFileSync(join(data, 'metadata.csv'), 'utf8').trim().split('\n');
    cpSync(data, from, { recursive: true });
    const lines = [table[0]];
    for (let row = 0; row < 1_000_000; row += 1)
      lines.push(table[1 + (row % files.length)].replace(/^\d+/, String(row)));
    writeFileSync(join(from, 'metadata.csv'), `${lines.join('\n')}\n`);
    const script = fileURLToPath(import.meta.url);
    const text = execFileSync(process.execPath, [script, '--load', from], { encoding: 'utf8' });
    note('1,000,000 rows', text.trim());
  },
};

/** Loads a dataset and its image store, and prints the time and memory. */
async function load(from) {
  const start = performance.now();
  const dataset = await loadDataset(from);
  const loaded = performance.now();
  const { maxRSS: first } = process.resourceUsage();
  await openImageStore(dataset);
  const { maxRSS } = process.resourceUsage();
  const seconds = (from, to) => `${((to - from) / 1000).toFixed(1)} s`;
  console.log(
    `table ${seconds(start, loaded)}, ${Math.round(first / 1024)} MiB; with its image store ${seconds(start, performance.now())}, ${Math.round(maxRSS / 1024)} MiB`,
  );
}

try {
  if (process.argv[2] === '--load') await load(process.argv[3]);
  else {
    const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
    const failed = await wholeJob(data, run);
    if (failed !== undefined) throw new Error(failed);
    renameSync(run, reference);
    for (const name of names) await PARTS[name]();
    console.table(rows);
    process.exitCode = rows.some(({ outcome }) => /differs|: \d+: |SIG/.test(String(outcome))) ? 1 : 0;
  }
} finally {
  faults.close();
  remove();
}
