import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { type ErrorCode, SpurmemError } from '../../src/errors.js';
import { ROOT } from '../cli/support.js';

/** `scripts/fuzz.sh` runs all cases, and a test some of them, always the same. */
const IS_FULL = process.env.SPURMEM_FUZZ === 'full';
/** The seed by which both are found again. */
export const SEED = Number(process.env.SPURMEM_FUZZ_SEED ?? 1);

/** How many cases to try of the number that is stated in docs/reliability.md. */
export function casesOf(full: number, short = 25): number {
  return IS_FULL ? full : short;
}

/** The environment of a process whose tensors end at pages that cannot be touched. AddressSanitizer guards them itself. */
export function guarded(folder: string): Readonly<Record<string, string>> {
  if (process.env.LD_PRELOAD) return {};
  const library = join(folder, 'guard.so');
  const source = join(ROOT, 'scripts/faults/guard.c');
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  return { LD_PRELOAD: library };
}

/** A case takes some milliseconds: this is far beyond, on a busy machine as well. */
export const MAX_MILLISECONDS = 2000;

/** Damage to a file. */
export interface Mutation {
  readonly kind: 'flip' | 'set' | 'ones' | 'cut' | 'insert' | 'swap' | 'repeat';
  /** Where, as a fraction of the length. */
  readonly at: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });

/** One to four kinds of damage; of `bytes`, where given, some are inserted. */
export function mutations(bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ minLength: 1, maxLength: 16 })) {
  return fc.array(
    fc.record<Mutation>({
      kind: fc.constantFrom('flip', 'set', 'ones', 'cut', 'insert', 'swap', 'repeat'),
      // As often near the end, where a zip file has its directory, as near the start, where others have their header.
      at: fc.oneof(
        fraction,
        fraction.map((x) => 1 - x * 0.3),
        fraction.map((x) => x * 0.1),
      ),
      to: fraction,
      bytes,
    }),
    { minLength: 1, maxLength: 4 },
  );
}

/** Damage as it comes to text: what has a meaning in a table, in JSON or in YAML is put into it. */
export const textMutations = mutations(
  fc
    .constantFrom(
      ...Array.from('",\n\0\ufeff/ [}:\u202e\ud800'),
      ...'../ -1 1e999 99999999999 null &a *a __proto__ <script> true 0.5 {} [] ""'.split(' '),
      ...['\r\n', '\u001b[31m', 'x'.repeat(500)],
    )
    .map((text) => new Uint8Array(Buffer.from(text))),
);

function mutate(content: Buffer, { kind, at, to, bytes }: Mutation): Buffer {
  const result = Buffer.from(content);
  const last = Math.max(0, result.length - 1);
  const start = Math.min(Math.floor(at * result.length), last);
  const end = Math.min(Math.floor(to * result.length), last);
  const [from, until] = [Math.min(start, end), Math.max(start, end)];
  switch (kind) {
    case 'flip':
      if (result.length > 0) result[start] = (result[start] as number) ^ (1 << ((bytes[0] as number) % 8));
      return result;
    case 'set':
      result.set(bytes.subarray(0, result.length - start), start);
      return result;
    case 'ones':
      result.fill(0xff, start, Math.min(start + bytes.length, result.length));
      return result;
    case 'cut':
      return Buffer.concat([result.subarray(0, from), result.subarray(until)]);
    case 'insert':
      return Buffer.concat([result.subarray(0, start), bytes, result.subarray(start)]);
    case 'swap':
      [result[start], result[end]] = [result[end] ?? 0, result[start] ?? 0];
      return result.subarray(0, content.length);
    case 'repeat':
      return Buffer.concat([result.subarray(0, until), result.subarray(from)]);
  }
}

export function damaged(content: Buffer, list: readonly Mutation[]): Buffer {
  return list.reduce(mutate, content);
}

/** Another value in one place of a JSON value. */
export interface Edit {
  /** Which way is taken at each depth. */
  readonly path: readonly number[];
  readonly value: unknown;
  /** The damage to the place's key. */
  readonly kind: 'alike' | 'replace' | 'remove' | 'add' | 'rename';
}

const JSON_VALUES: readonly unknown[] = [
  ...[0, -1, 1, 0.5, 1e308, -1e308, 2147483648, 9007199254740992, 1e-320],
  ...[null, true, false, [], {}, [null], [[]], [1, 2, 3], { x: 1 }, [-1, 1e9], { kind: 'erm' }],
  ...['', 'x', '../..', '/etc/passwd', 'zero', 'train', 'NaN', '__proto__', 'constructor'],
  ...['x'.repeat(3000), '\u001b[2J\u202e<script>', [...Array(50).keys()]],
];

export const edits = fc.array(
  fc.record<Edit>({
    path: fc.array(fc.nat(999), { minLength: 1, maxLength: 6 }),
    value: fc.constantFrom(...JSON_VALUES),
    kind: fc.constantFrom('alike', 'alike', 'alike', 'replace', 'replace', 'remove', 'add', 'rename'),
  }),
  { minLength: 1, maxLength: 3 },
);

/** Another value of the same type, which a check of types lets through. */
function alike(value: unknown, step: number): unknown {
  const others = [0, -1, 1, 3, 1e9, -1e9, 0.5, 1e-300, 2 ** 53, 9999];
  if (typeof value === 'number') return others[step % others.length];
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return ['', 'x', `${value}x`, '</style><script>', '../../x'][step % 5];
  if (Array.isArray(value)) {
    const list = value as readonly unknown[];
    return step % 2 === 0 ? list.slice(1) : [...list, ...list];
  }
  return value;
}

/** A copy of a JSON value with an edit. */
export function edited(value: unknown, { path, value: other, kind }: Edit): unknown {
  const copy = structuredClone(value);
  if (typeof copy !== 'object' || copy === null) return copy;
  let place = copy as Record<string, unknown>;
  for (const [depth, step] of path.entries()) {
    const keys = Object.keys(place);
    const key = keys[step % Math.max(1, keys.length)];
    if (key === undefined) return copy;
    const next = place[key];
    if (depth + 1 < path.length && typeof next === 'object' && next !== null) {
      place = next as Record<string, unknown>;
      continue;
    }
    if (kind === 'replace') place[key] = other;
    else if (kind === 'alike') place[key] = alike(next, step);
    else if (kind === 'add') place[`${key}2`] = other;
    else {
      if (Array.isArray(place)) place.splice(Number(key), 1);
      else Reflect.deleteProperty(place, key);
      if (kind === 'rename') place[`${key} `] = next;
    }
    return copy;
  }
  return copy;
}

/** How the cases of a surface ended, for the line that says so. */
export class Surface {
  readonly #ends = new Map<string, number>();
  #milliseconds = 0;

  constructor(
    readonly name: string,
    /** The parts of a clean refusal. */
    readonly codes: readonly ErrorCode[],
  ) {}

  /** Runs one case: gives its result, or undefined where it was refused in words; throws for any other end. */
  async run<Result>(job: () => Promise<Result> | Result): Promise<Result | undefined> {
    const start = performance.now();
    let result: Result | undefined;
    let end = 'read';
    try {
      result = await job();
    } catch (error) {
      if (!(error instanceof SpurmemError) || !this.codes.includes(error.code)) throw error;
      // A message is for a terminal: no control characters of a file's, and an end.
      // eslint-disable-next-line no-control-regex
      expect(error.message).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
      expect(error.message.length).toBeLessThan(6000);
      end = error.code;
    }
    const elapsed = performance.now() - start;
    expect(elapsed).toBeLessThan(MAX_MILLISECONDS);
    this.#milliseconds = Math.max(this.#milliseconds, elapsed);
    this.#ends.set(end, (this.#ends.get(end) ?? 0) + 1);
    return result;
  }

  summary(): string {
    const ends = [...this.#ends].sort().map(([end, count]) => `${count} ${end}`);
    return `  fuzz ${this.name}: ${ends.join(', ')}; at most ${this.#milliseconds.toFixed(0)} ms; seed ${SEED}\n`;
  }
}

/** Tries cases of an arbitrary, always the same of a seed. */
export async function tryCases<Case>(
  arbitrary: fc.Arbitrary<Case>,
  count: number,
  job: (one: Case) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, job), { numRuns: count, seed: SEED });
}
