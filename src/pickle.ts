/**
 * Reads a pickle as data. Calls stay descriptions (`Call`), so nothing of an untrusted file runs, and content that is not understood
 * does no harm unless it is looked at.
 *
 * Own code, since `pickleparser` does not suit untrusted files: a negative BINBYTES length makes it read the same
 * opcode for ever, integers above 8 bytes (random states) are refused, and it assigns to whatever lies on its stack.
 */

/** A value in a pickle. */
export type PickleValue = null | boolean | number | bigint | string | PickleNode;
type Pairs = [key: PickleValue, value: PickleValue][];
type PickleNode =
  /** A list, a tuple or a set. */
  | { readonly kind: 'sequence'; readonly items: PickleValue[] }
  /** Keys and values in the order they were set; a later pair of the same key wins. */
  | { readonly kind: 'dict'; readonly pairs: Pairs }
  /** A function or class by its path, such as `torch._utils._rebuild_tensor_v2`. */
  | { readonly kind: 'global'; readonly path: string }
  | Call
  /** A reference to something outside the pickle: a storage, in torch's files. */
  | { readonly kind: 'persistent'; readonly id: PickleValue }
  /** Bytes and integers above 64 bits: nothing that weights are made of. */
  | { readonly kind: 'opaque' };
type NodeOf<Kind> = Extract<PickleNode, { readonly kind: Kind }>;

/** The result of a call in Python. */
export interface Call {
  readonly kind: 'call';
  /** The path of a function or class; `?` for any other value. */
  readonly callee: string;
  readonly args: readonly PickleValue[];
  /** Items set after the call, such as the content of an OrderedDict. */
  readonly pairs: Pairs;
  /** Given to `__setstate__` or `__dict__`. */
  state: PickleValue;
}

/** Bounds the memory of a pickle's values: 2 M of some 100 bytes. A ResNet-50 checkpoint has 50,000. */
const MAX_OPERATIONS = 2_000_000;

/** Parses a pickle of protocols 2 to 5. Throws an Error with the reason if it is damaged. */
export function parsePickle(bytes: Uint8Array): PickleValue {
  return new Machine(bytes).run();
}

/** A value of one kind, or undefined for any other value. */
export function nodeOf<Kind extends PickleNode['kind']>(
  value: PickleValue | undefined,
  kind: Kind,
): NodeOf<Kind> | undefined {
  return typeof value === 'object' && value?.kind === kind ? (value as NodeOf<Kind>) : undefined;
}

/** The path of a function or class; undefined for any other value. */
export function pathOf(value: PickleValue | undefined): string | undefined {
  return nodeOf(value, 'global')?.path;
}

/** The items of a list, a tuple or a set; none for any other value. */
export function itemsOf(value: PickleValue | undefined): readonly PickleValue[] {
  return nodeOf(value, 'sequence')?.items ?? [];
}

function damaged(how = 'is damaged'): Error {
  return new Error(`its pickle ${how}`);
}

class Machine {
  readonly #bytes: Buffer;
  #position = 0;
  readonly #stack: PickleValue[] = [];
  /** The heights of the stack at the open MARKs. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (let operations = 0; operations < MAX_OPERATIONS; operations++) {
      const at = this.#position;
      const opcode = this.#uint(1);
      if (opcode === 0x2e) return this.#pop(); // STOP
      const step = Machine.#STEPS[opcode];
      if (step === undefined)
        throw damaged(
          `has the opcode 0x${opcode.toString(16)} at byte ${at}, which torch.save does not write`,
        );
      step(this);
    }
    throw damaged(`has more than ${MAX_OPERATIONS} operations, which is more than weights need`);
  }

  /** The opcodes of torch's files by their bytes, with their names in Python's pickletools. */
  static readonly #STEPS: Readonly<Record<number, (machine: Machine) => unknown>> = {
    0x80: (m) => m.#skip(1), // PROTO
    0x95: (m) => m.#skip(8), // FRAME
    0x28: (m) => m.#marks.push(m.#stack.length), // MARK
    0x30: (m) => m.#pop(), // POP
    0x31: (m) => m.#popMark(), // POP_MARK
    0x32: (m) => m.#push(m.#top()), // DUP
    0x4e: (m) => m.#push(null), // NONE
    0x88: (m) => m.#push(true), // NEWTRUE
    0x89: (m) => m.#push(false), // NEWFALSE
    0x4a: (m) => m.#push(m.#bytes.readInt32LE(m.#skip(4))), // BININT
    0x4b: (m) => m.#push(m.#uint(1)), // BININT1
    0x4d: (m) => m.#push(m.#uint(2)), // BININT2
    0x8a: (m) => m.#push(m.#long(m.#uint(1))), // LONG1
    0x8b: (m) => m.#push(m.#long(m.#uint(4))), // LONG4
    0x47: (m) => m.#push(m.#bytes.readDoubleBE(m.#skip(8))), // BINFLOAT
    0x8c: (m) => m.#push(m.#text(1, 'utf8')), // SHORT_BINUNICODE
    0x58: (m) => m.#push(m.#text(4, 'utf8')), // BINUNICODE
    0x8d: (m) => m.#push(m.#text(8, 'utf8')), // BINUNICODE8
    0x55: (m) => m.#push(m.#text(1, 'latin1')), // SHORT_BINSTRING, as Python 2 writes names
    0x54: (m) => m.#push(m.#text(4, 'latin1')), // BINSTRING
    0x43: (m) => m.#opaque(1), // SHORT_BINBYTES
    0x42: (m) => m.#opaque(4), // BINBYTES
    0x8e: (m) => m.#opaque(8), // BINBYTES8
    0x96: (m) => m.#opaque(8), // BYTEARRAY8
    0x29: (m) => m.#pushList([]), // EMPTY_TUPLE
    0x5d: (m) => m.#pushList([]), // EMPTY_LIST
    0x8f: (m) => m.#pushList([]), // EMPTY_SET
    0x85: (m) => m.#pushList(m.#popMany(1)), // TUPLE1
    0x86: (m) => m.#pushList(m.#popMany(2)), // TUPLE2
    0x87: (m) => m.#pushList(m.#popMany(3)), // TUPLE3
    0x74: (m) => m.#pushList(m.#popMark()), // TUPLE
    0x91: (m) => m.#pushList(m.#popMark()), // FROZENSET
    0x61: (m) => m.#append([m.#pop()]), // APPEND
    0x65: (m) => m.#append(m.#popMark()), // APPENDS
    0x90: (m) => m.#append(m.#popMark()), // ADDITEMS
    0x7d: (m) => m.#push({ kind: 'dict', pairs: [] }), // EMPTY_DICT
    0x73: (m) => m.#setItems(m.#popMany(2)), // SETITEM
    0x75: (m) => m.#setItems(m.#popMark()), // SETITEMS
    0x71: (m) => m.#put(m.#uint(1)), // BINPUT
    0x72: (m) => m.#put(m.#uint(4)), // LONG_BINPUT
    0x94: (m) => m.#put(m.#memo.size), // MEMOIZE
    0x68: (m) => m.#get(m.#uint(1)), // BINGET
    0x6a: (m) => m.#get(m.#uint(4)), // LONG_BINGET
    0x63: (m) => m.#global([m.#line(), m.#line()]), // GLOBAL
    0x93: (m) => m.#global(m.#popMany(2)), // STACK_GLOBAL
    0x52: (m) => m.#call(m.#popMany(2)), // REDUCE
    0x81: (m) => m.#call(m.#popMany(2)), // NEWOBJ
    0x92: (m) => m.#call(m.#popMany(3)), // NEWOBJ_EX; its keyword arguments are nothing that weights are made of
    0x62: (m) => m.#build(m.#pop()), // BUILD
    0x51: (m) => m.#push({ kind: 'persistent', id: m.#pop() }), // BINPERSID
  };

  #push(value: PickleValue): number {
    return this.#stack.push(value);
  }

  #pushList(items: PickleValue[]): number {
    return this.#push({ kind: 'sequence', items });
  }

  #pop(): PickleValue {
    return this.#popMany(1)[0] as PickleValue;
  }

  #popMany(count: number): PickleValue[] {
    // Like Python, never pops below the innermost mark.
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw damaged();
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw damaged();
    return this.#stack.splice(mark);
  }

  #top(): PickleValue {
    const value = this.#pop();
    this.#push(value);
    return value;
  }

  #global([module, name]: readonly PickleValue[]): number {
    if (typeof module !== 'string' || typeof name !== 'string') throw damaged();
    return this.#push({ kind: 'global', path: `${module}.${name}` });
  }

  #call([callee, args]: readonly PickleValue[]): number {
    const call = { callee: pathOf(callee) ?? '?', args: itemsOf(args), pairs: [], state: null };
    return this.#push({ kind: 'call', ...call });
  }

  #build(state: PickleValue): unknown {
    const call = nodeOf(this.#top(), 'call');
    if (call !== undefined) call.state = state;
    return call;
  }

  #append(values: readonly PickleValue[]): unknown {
    const target = this.#top();
    const list = nodeOf(target, 'sequence');
    // The items of a call's result, a subclass of list, are dropped: no state dict is one.
    if (list === undefined && nodeOf(target, 'call') === undefined) throw damaged();
    for (const value of values) list?.items.push(value);
    return list;
  }

  #setItems(values: readonly PickleValue[]): unknown {
    const top = this.#top();
    const target = nodeOf(top, 'dict') ?? nodeOf(top, 'call');
    if (values.length % 2 !== 0 || target === undefined) throw damaged();
    for (let i = 0; i < values.length; i += 2) {
      target.pairs.push([values[i] as PickleValue, values[i + 1] as PickleValue]);
    }
    return target;
  }

  #put(index: number): unknown {
    return this.#memo.set(index, this.#top());
  }

  #get(index: number): number {
    const value = this.#memo.get(index);
    if (value === undefined) throw damaged();
    return this.#push(value);
  }

  /** Advances by `length` bytes, and returns the position before. */
  #skip(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw damaged('is truncated');
    this.#position = start + length;
    return start;
  }

  #uint(size: 1 | 2 | 4 | 8): number {
    const start = this.#skip(size);
    return size === 8 ? Number(this.#bytes.readBigUInt64LE(start)) : this.#bytes.readUIntLE(start, size);
  }

  #long(size: number): PickleValue {
    const start = this.#skip(size);
    if (size === 0) return 0;
    // 9 bytes hold an unsigned 64-bit integer, but neither sizes nor offsets come near.
    if (size > 8) return { kind: 'opaque' };
    if (size <= 6) return this.#bytes.readIntLE(start, size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[start + i] as number);
    const signed = BigInt.asIntN(8 * size, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  #text(sizeBytes: 1 | 4 | 8, encoding: 'utf8' | 'latin1'): string {
    const length = this.#uint(sizeBytes);
    const start = this.#skip(length);
    return this.#bytes.toString(encoding, start, start + length);
  }

  #opaque(sizeBytes: 1 | 4 | 8): number {
    this.#skip(this.#uint(sizeBytes));
    return this.#push({ kind: 'opaque' });
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw damaged('is truncated');
    const start = this.#skip(end + 1 - this.#position);
    return this.#bytes.toString('utf8', start, end);
  }
}
