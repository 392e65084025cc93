// Damages a program of torch.export and runs what is left of it, in a process of its own:
//   node test/native/hostilePrograms.mjs PROGRAM.pt2 HEIGHT WIDTH SEED CASES FILE
// Each case is refused with an error in words, or runs forward and backward. FILE has the case at work, for a process that crashes or
// hangs. Prints the counts as JSON.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { readProgramFile, writeProgram } from '../../dist/models/exported/archive.js';
import { readProgram } from '../../dist/models/exported/program.js';
import { Model } from '../../dist/models/model.js';
import { native } from '../../dist/native/addon.js';
import { ComputeContext } from '../../dist/native/context.js';

const [path, ...numbers] = process.argv.slice(2, 7);
const [height, width, seed, cases] = numbers.map(Number);
const log = openSync(process.argv[7], 'w');
const MAX_MILLISECONDS = 5000;
const folder = mkdtempSync(join(tmpdir(), 'spurmem-programs-'));
const kept = join(folder, 'program.safetensors');
const file = await readProgramFile(path);
const operators = native().planOperators();
const context = new ComputeContext({ device: 'cpu' });

/** All places of a JSON document that hold a number, a word or a list. */
function placesOf(value, places = []) {
  if (typeof value !== 'object' || value === null) return places;
  for (const [key, inner] of Object.entries(value)) {
    places.push([value, key]);
    placesOf(inner, places);
  }
  return places;
}

const hostileNumbers = [0, -1, 1, 2, 3, 7, 64, 2 ** 31, 2 ** 53, 2 ** 63, -(2 ** 63), 0.5, 1e300];
/** What may stand in the place of a value: one of the same type, from the program or beyond it. */
function damaged(value, choose) {
  const { nodes, tensor_values: tensors } = file.program.graph_module.graph;
  if (typeof value === 'number') return choose(hostileNumbers);
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string' && value.startsWith('torch.ops.')) {
    const { name } = choose(operators);
    return `torch.ops.aten.${name.includes('.') ? name : `${name}.default`}`;
  }
  if (typeof value === 'string') {
    const names = Object.keys(tensors);
    return choose([...names, 'nowhere', '', 'same', 'none', '__proto__']);
  }
  if (Array.isArray(value)) return choose([[], value.slice(1), [...value, ...value], value.toReversed()]);
  return choose([
    {},
    choose(nodes)?.inputs[0]?.arg ?? {},
    { as_none: true },
    { as_int: 2 ** 40 },
    { as_ints: [1, -1, 2 ** 62] },
  ]);
}

async function run(program) {
  await writeProgram(kept, { ...file, program });
  const read = await readProgram(kept, 'model.pt2');
  const generator = new (native().Generator)(0);
  const { network, description } = await Model.ofProgram(read, { numClasses: 2, generator }, context);
  // The collector frees what is not disposed of.
  const pixels = new Float32Array(2 * 3 * height * width).fill(0.1);
  const batch = await native().tensor(pixels, [2, 3, height, width], 'cpu');
  const labels = await native().tensor(Int32Array.of(0, 1), [2], 'cpu');
  (await network.run(batch, {})).logits;
  const { logits } = await network.run(batch, { statistics: 'shared', grad: true });
  const loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const { inputs } = await network.run(batch, { inputs: [...description.stages.keys()] });
  for (const [stage, input] of inputs.entries()) (await network.run(input, { stage })).logits;
}

const counts = { ran: 0, refused: 0, failed: 0 };
const random = fc.sample(fc.noBias(fc.array(fc.nat(), { minLength: 64, maxLength: 64 })), {
  seed,
  numRuns: cases,
});
for (const [index, draws] of random.entries()) {
  let next = 0;
  const choose = (list) => list[(draws[next++] ?? 0) % list.length];
  const program = structuredClone(file.program);
  const changes = [];
  for (let change = 0; change <= draws[next++] % 3; change++) {
    const places = placesOf(program.graph_module);
    const [object, key] = choose(places);
    const before = object[key];
    object[key] = damaged(before, choose);
    changes.push(
      `${key}: ${JSON.stringify(before)?.slice(0, 200)} -> ${JSON.stringify(object[key])?.slice(0, 200)}`,
    );
  }
  writeSync(log, `${index}: ${changes.join(' | ')}\n`, 0);
  const start = performance.now();
  try {
    await run(program);
    counts.ran++;
  } catch (error) {
    if (error.code === 'MODEL_INVALID') counts.refused++;
    else if (error.code === 'NATIVE_FAILED') counts.failed++;
    else throw error;
  }
  if (performance.now() - start > MAX_MILLISECONDS)
    throw new Error(`case ${index} took too long: ${changes.join(' | ')}`);
}
closeSync(log);
rmSync(folder, { recursive: true });
console.log(JSON.stringify(counts));
