// Prints the results of scripts/gpu-check.sh as one table: node scripts/gpuCheck/table.mjs FOLDER...
// If several of them measured a case, the last one counts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SQUARES } from '../../bench/dist/data.js';
import { textTable } from '../../dist/cli/textTable.js';

const folders = process.argv.slice(2);
/** On a GPU, where the goals differ from the cases' own. */
const TARGETS = { 'trace-structured-released': 20 };
/** Images a second that an H100 is to reach, by case. */
const RATES = {
  'gpu-resnet50-erm-step-bf16-eager': 2800,
  'gpu-resnet50-forward-bf16-eager': 8000,
};
const read = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);
const cases = new Map();
const parities = [];
const machines = new Set();
for (const folder of folders) {
  const parity = read(join(folder, 'parity.json'));
  if (parity) parities.push(parity);
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    const result = read(join(folder, name));
    if (result.kind !== 'bench') continue;
    machines.add(
      Object.entries(result.machine)
        .map(([key, value]) => `${key} ${value}`)
        .join(', '),
    );
    for (const one of result.cases) cases.set(one.name, one);
  }
}

function print(caption, names, rows) {
  console.log(textTable({ caption, columns: names.map((name) => ({ name })), rows }, { color: false }));
}

if (parities.length > 0) {
  const rows = parities.flatMap(({ checks }) =>
    checks.map(({ what, found, max, passed }) => [
      what,
      found.toPrecision(2),
      max.toPrecision(2),
      passed ? '' : 'FAIL',
    ]),
  );
  print('Compared with PyTorch on the same device', ['what', 'found', 'at most', ''], rows);
}
if (cases.size > 0) {
  const rows = [...cases.values()].map(({ name, ours, rival, ratio, target, unit }) => [
    ...[name, unit, ours.perSecond.toFixed(0), rival.perSecond.toFixed(0)],
    ...[ratio.median, ...ratio.range].map((value) => value.toFixed(2)),
    `${TARGETS[name] ?? target ?? ''}`,
  ]);
  print(
    'Times faster than PyTorch',
    ['case', 'unit', 'a second', 'theirs', 'times faster', 'from', 'to', 'target'],
    rows,
  );
  for (const [name, wanted] of Object.entries(RATES)) {
    const measured = cases.get(name)?.ours.perSecond;
    if (measured)
      console.log(`${name}: ${measured.toFixed(0)} images a second (wanted on an H100: ${wanted}).`);
  }
  const step = cases.get('gpu-resnet50-erm-step-bf16-eager');
  const forward = cases.get('gpu-resnet50-forward-bf16-eager');
  const epoch = cases.get('gpu-resnet50-erm-epoch-bf16');
  if (step && forward && epoch) {
    const { train, val } = SQUARES;
    const ofSteps = train / step.ours.perSecond + val / forward.ours.perSecond;
    const share = (100 * ofSteps) / ((train + val) / epoch.ours.perSecond);
    console.log(
      `An epoch of ERM runs at ${share.toFixed(0)} % of the rate of its steps and of validation's passes (wanted: 90 %).`,
    );
  }
}
for (const machine of machines) console.log(machine);
