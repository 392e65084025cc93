// Calls the operators of plans with random tensors and arguments, forward and backward, in a process of its own:
//   node test/native/hostileOperators.mjs INCLUDE SEED CALLS FILE [OPERATOR...]
// INCLUDE: the folder of libtorch's headers, which have the operators' schemas. Each call ends in a result or an error. FILE has the call
// at work, for a process that crashes or hangs: with guard pages behind tensors (scripts/faults/guard.c) one that leaves a tensor
// crashes. Prints the counts as JSON.
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { mersenne } from 'pure-rand/generator/mersenne';
import { native } from '../../dist/native/addon.js';

const [include, ...rest] = process.argv.slice(2);
const [seed, calls] = rest.slice(0, 2).map(Number);
const log = openSync(rest[2], 'w');
const chosen = rest.slice(3);
/** Of the processor, so that a busy machine changes nothing. */
const MAX_SECONDS = 30;
const addon = native();

/** c10's numbers of data types. */
const [UINT8, INT32, INT64, HALF, FLOAT, DOUBLE, BOOL, BFLOAT16] = [0, 3, 4, 5, 6, 7, 11, 15];
const FLOATING = [HALF, FLOAT, DOUBLE, BFLOAT16];

/** The parts of a text between commas that are in no bracket. */
function parts(text) {
  let depth = 0;
  return [...text]
    .reduce(
      (found, letter) => {
        depth += '[('.includes(letter) ? 1 : '])'.includes(letter) ? -1 : 0;
        if (letter === ',' && depth === 0) found.push('');
        else found[found.length - 1] += letter;
        return found;
      },
      [''],
    )
    .map((part) => part.trim());
}

/** An operator's arguments, from its header. */
function argumentsOf(name) {
  // Operators that write, such as `relu_`, are in the header of those that do not.
  const header = join(include, 'ATen/ops', `${name.replace(/_?(\..*)?$/, '')}_ops.h`);
  if (!existsSync(header)) return undefined;
  const text = readFileSync(header, 'utf8');
  const schemas = [...text.matchAll(/schema_str(?: =|,) "(.*)"[;)]/g)].map(([, schema]) => schema);
  const schema = schemas.find((one) => one.startsWith(`${name}(`)) ?? '';
  const [, list] = /\((.*)\) ->/.exec(schema) ?? [];
  return parts(list ?? '')
    .filter((part) => part !== '*' && part !== '')
    .map((part) => {
      // Without what it may alias, `Tensor(a!)`.
      const plain = part.replace(/\([^)]*\)/, '');
      const [, type, own, otherwise] = /^(\S+) (\w+)(?:=(.*))?$/.exec(plain) ?? [];
      return { type, name: own, hasDefault: otherwise !== undefined };
    });
}

const operators = addon
  .planOperators()
  .filter(({ name }) => chosen.length === 0 || chosen.includes(name))
  // Debian's libtorch may lack the newest ones.
  .flatMap((operator) => ({ ...operator, given: argumentsOf(operator.name) ?? [] }));

/** Sides of the tensors that operators take. */
const SIDES = [
  [/1d/, 3],
  [/2d|pixel|channel_shuffle|grid|im2col|(instance|group|batch)_norm|attention/, 4],
  [/bmm/, 3],
  [/^(mm|mv|addmm|linear|t)\b/, 2],
  [/^(outer|dot)$/, 1],
];

/** A plan of one call, and of what makes its tensors. */
class Case {
  constructor(seedOfCase, operator) {
    this.operator = operator;
    this.random = mersenne(seedOfCase);
    this.inputs = [];
    this.initial = [];
    this.nodes = [];
    this.constants = {};
    this.values = 1;
    // How often tensors and numbers differ from those that most operators take.
    this.wildness = this.one(0.1, 0.4, 0.8);
    const sides =
      SIDES.find(([names]) => names.test(operator))?.[1] ?? this.one(0, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5);
    this.shape = Array.from({ length: sides }, () => this.side());
    this.type = this.often(0.8) ? FLOAT : this.one(DOUBLE, HALF, BFLOAT16, INT64);
  }

  below(most) {
    return uniformInt(this.random, 0, most - 1);
  }
  one(...items) {
    return items[this.below(items.length)];
  }
  often(share) {
    return this.below(1000) < 1000 * share;
  }
  side() {
    return this.often(0.05) ? this.one(0, 33, 100) : this.one(1, 2, 2, 3, 3, 4, 5, 6, 8, 16);
  }

  value() {
    this.values += 1;
    return this.values - 1;
  }
  call(target, given) {
    const result = this.value();
    this.nodes.push({ target, arguments: given, results: [result] });
    return result;
  }

  /** The case's shape, or one that is like it. */
  alike() {
    const shape = [...this.shape];
    const at = this.below(Math.max(1, shape.length));
    if (!this.often(this.wildness)) return shape;
    const change = this.below(9);
    if (change < 5 && shape.length > 0) shape[at] = this.side();
    if (change === 5) shape.shift();
    if (change === 6 && shape.length > 1) shape.push(...shape.splice(-2).reverse());
    if (change === 7) return shape.slice(1, 2);
    if (change === 8) return Array.from({ length: this.below(5) }, () => this.side());
    return shape;
  }

  /** What operators ask of some arguments: their shape, data type and kind. */
  special(name) {
    const [, channels = 1] = this.shape;
    const last = this.shape.at(-1) ?? 1;
    const kernel = this.shape.slice(2).map(() => this.one(1, 1, 2, 3));
    this.out ??= this.side();
    if (name.startsWith('running_')) return { kind: 'buffer', shape: [channels], type: FLOAT };
    if (/norm$/.test(this.operator) && /^(weight|bias)$/.test(name))
      return { shape: [/layer|rms/.test(this.operator) ? last : channels] };
    if (/^conv_tr/.test(this.operator) && name === 'weight')
      return { shape: [channels, this.out, ...kernel] };
    if (/^conv/.test(this.operator))
      return {
        input: undefined,
        weight: { shape: [this.out, channels, ...kernel] },
        bias: { shape: [this.out] },
      }[name];
    if (this.operator === 'bilinear')
      return { weight: { shape: [this.out, last, last] }, bias: { shape: [this.out] } }[name];
    if (this.operator === 'linear')
      return { weight: { shape: [this.out, last] }, bias: { shape: [this.out] } }[name];
    if (this.operator === 'embedding') return name === 'weight' ? { shape: [7, this.out] } : { type: INT64 };
    if (name === 'vec') return { shape: [last] };
    if (name === 'grid') return { shape: [this.shape[0] ?? 1, 3, 3, 2] };
    if (/^(index|indices)$/.test(name))
      return { type: INT64, ...(this.operator === 'index_select' && { shape: [this.side()] }) };
    if (/^(mask|condition)$/.test(name)) return { type: BOOL };
    if (name === 'value' && this.operator.startsWith('masked_fill')) return { shape: [] };
    return undefined;
  }

  /** A tensor: a parameter, which gets a gradient, or a constant; perhaps a view of it, or a copy that may be written to. */
  tensor(argument, isWritten) {
    const special = this.often(1 - this.wildness / 2) ? this.special(argument) : undefined;
    const shape = special?.shape ?? this.alike();
    const type =
      special?.type ??
      (this.often(1 - this.wildness / 3) ? this.type : this.one(FLOAT, INT64, INT32, BOOL, UINT8, DOUBLE));
    const made = this.value();
    const name = `p${made}`;
    const isParameter = FLOATING.includes(type);
    const kind = special?.kind ?? (isParameter ? 'parameter' : 'constant');
    this.inputs.push({ kind, name, value: made, shape, dtype: type });
    if (kind !== 'constant') this.initial.push({ name, kind: 'normal', scale: 1 });
    else {
      const numbers = Float32Array.from({ length: product(shape) }, () => this.below(type === BOOL ? 2 : 7));
      if (this.often(0.1) && numbers.length > 0) numbers[0] = this.one(-1, 100, 2 ** 31);
      this.constants[name] = { numbers, shape };
    }
    const copied = isWritten ? this.call('clone', { self: value(made) }) : made;
    const [first, second] = [this.below(Math.max(1, shape.length)), this.below(Math.max(1, shape.length))];
    if (shape.length === 0 || kind === 'buffer' || !this.often(this.wildness / 2)) return copied;
    if (this.often(0.5))
      return this.call('transpose.int', { self: value(copied), dim0: int(first), dim1: int(second) });
    return this.call('slice.Tensor', {
      self: value(copied),
      dim: int(first),
      start: int(1),
      step: int(this.one(1, 2)),
    });
  }

  whole() {
    if (this.often(this.wildness / 10))
      return this.one(2 ** 31, 2 ** 40, -(2 ** 31), 2 ** 53, -(2 ** 63), 1000);
    return this.one(0, 0, 1, 1, 1, 2, 2, 3, -1, -2, 4, 5, 8);
  }
  real() {
    return this.often(this.wildness / 4)
      ? this.one(NaN, Infinity, -1e30, 1e300)
      : this.one(0, 0.5, 1, 1, 2, -1, 0.1, 3);
  }

  /** An argument of a schema's type; undefined: it keeps its default. */
  argument({ name, type, hasDefault }, isWritten) {
    const isOptional = type.endsWith('?');
    if (hasDefault && this.often(0.5)) return undefined;
    if (isOptional && this.often(0.4)) return { kind: 'none' };
    const [, base, list] = /^(\w+)\??(?:\[(\d*)\])?\??$/.exec(type) ?? [];
    const isPlane = /2d/.test(this.operator) && list === '';
    const count = list === undefined ? undefined : Number(list) || (isPlane ? 2 : this.below(5));
    const some = (make) => Array.from({ length: count }, make);
    if (base === 'Tensor') {
      if (count !== undefined) return { kind: 'values', values: some(() => this.tensor(name, isWritten)) };
      return value(this.tensor(name, isWritten));
    }
    if (base === 'int' || base === 'SymInt') {
      if (count === undefined) return int(this.whole());
      // Shapes, or dimensions.
      return {
        kind: 'ints',
        numbers: list === '' && this.often(0.4) ? this.alike() : some(() => this.whole()),
      };
    }
    if (base === 'float')
      return count === undefined ? float(this.real()) : { kind: 'floats', numbers: some(() => this.real()) };
    if (base === 'bool')
      return count === undefined
        ? { kind: 'bool', numbers: [this.below(2)] }
        : { kind: 'bools', numbers: some(() => this.below(2)) };
    if (base === 'Scalar') return this.often(0.5) ? int(this.whole()) : float(this.real());
    if (base === 'str')
      return {
        kind: 'text',
        text: this.one(
          'none',
          'tanh',
          'floor',
          'trunc',
          'same',
          'valid',
          'constant',
          'reflect',
          'ij',
          'xy',
          'bij,bjk->bik',
          'ij,jk',
          'i,i->',
          'x',
        ),
      };
    if (base === 'ScalarType')
      return { kind: 'dtype', numbers: [this.one(FLOAT, FLOAT, INT64, DOUBLE, BFLOAT16, BOOL)] };
    if (base === 'MemoryFormat') return { kind: 'memoryFormat', numbers: [this.below(4)] };
    if (base === 'Layout') return { kind: 'layout', numbers: [0] };
    return { kind: base === 'Device' ? 'device' : 'none' };
  }

  plan({ name, writes, given, aliases }) {
    const entries = given.map((one) => [one.name, this.argument(one, writes || aliases)]);
    const results = [this.often(0.9) ? this.value() : [this.value(), this.value()]];
    if (/^(split|chunk|unbind|meshgrid)/.test(name))
      results[0] = Array.from({ length: 1 + this.below(4) }, () => this.value());
    this.nodes.push({
      target: name,
      arguments: Object.fromEntries(entries.filter(([, one]) => one)),
      results,
    });
    const [result] = [results[0]].flat();
    const total = this.call('sum', { self: value(result), dtype: { kind: 'dtype', numbers: [FLOAT] } });
    const { inputs, initial, nodes, values } = this;
    const stages = [{ name: 'all', begin: 0, end: nodes.length, input: 0, output: total, prelude: [] }];
    return {
      values,
      inputs,
      initial,
      nodes,
      stages,
      batchSizes: [],
      layers: [],
      head: null,
      groups: [],
      mappable: [],
      patches: null,
    };
  }
}

const value = (...values) => ({ kind: 'value', values });
const int = (number) => ({ kind: 'int', numbers: [number] });
const float = (number) => ({ kind: 'float', numbers: [number] });
const product = (shape) => shape.reduce((all, side) => all * side, 1);

const counts = { forward: 0, backward: 0, refused: 0 };
const ran = new Set();
const images = await addon.tensor(new Float32Array(3), [1, 3, 1, 1], 'cpu');

async function run({ name }, plan, constants, options) {
  const generator = new addon.Generator(0);
  const network = await addon.createNetwork({
    plan,
    constants,
    generator,
    device: 'cpu',
    precision: options.precision,
  });
  try {
    const { logits } = await network.run(images, options);
    counts.forward += 1;
    ran.add(name);
    try {
      if (options.grad) await logits.backward();
      if (options.grad) counts.backward += 1;
    } finally {
      logits.dispose();
    }
  } finally {
    network.dispose();
    generator.dispose();
  }
}

for (let index = 0; index < calls; index += 1) {
  const operator = operators[index % operators.length];
  const one = new Case(seed + index, operator.name);
  const plan = one.plan(operator);
  const options = {
    grad: one.often(0.7),
    statistics: one.one('shared', 'frozen'),
    precision: one.often(0.1) ? 'bf16' : 'fp32',
  };
  const text = JSON.stringify({
    operator: operator.name,
    seed: seed + index,
    options,
    inputs: plan.inputs,
    nodes: plan.nodes,
  });
  writeSync(log, `${text.padEnd(4000)}\n`, 0);
  const start = process.cpuUsage();
  const constants = {};
  try {
    for (const [name, { numbers, shape }] of Object.entries(one.constants))
      constants[name] = await addon.tensor(numbers, shape, 'cpu');
    await run(operator, plan, constants, options);
  } catch (error) {
    if (error.code !== 'NATIVE_FAILED' && error.code !== 'MODEL_INVALID') throw error;
    counts.refused += 1;
  }
  for (const tensor of Object.values(constants)) tensor.dispose();
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  if (seconds > MAX_SECONDS) throw new Error(`a call took ${seconds.toFixed(0)} s: ${text}`);
}
closeSync(log);
const never = operators.filter(({ name }) => !ran.has(name)).map(({ name }) => name);
console.log(JSON.stringify({ ...counts, never }));
