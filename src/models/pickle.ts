/**
 * Reads a pickle as data. What Python would call or build stays a description (`Call`), so nothing of an untrusted
 * file runs, and what is not understood does no harm where nobody looks at it.
 *
 * Own code, since `pickleparser` does not suit untrusted files: a negative BINBYTES length makes it read the same
 * opcode for ever, integers above 8 bytes (random states) are refused, and it assigns to whatever lies on its stack.
 */

/** A value in a pickle. */
export type PickleValue = null | boolean | number | bigint | string | PickleNode;
type PickleNode = Sequence | Dict | Global | Call | Persistent | Opaque;

/** A list, a tuple or a set. */
interface Sequence {
  readonly kind: 'sequence';
  readonly items: PickleValue[];
}

/** Keys and values in the order they were set; a later pair of the same key wins. */
export interface Dict {
  readonly kind: 'dict';
  readonly pairs: [PickleValue, PickleValue][];
}

/** A function or class by name, such as `torch._utils` `_rebuild_tensor_v2`. */
interface Global {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
}

/** What Python would have made by calling `callee`. */
export interface Call {
  readonly kind: 'call';
  readonly callee: PickleValue;
  readonly args: PickleValue;
  /** What was set or appended afterwards: the content of an OrderedDict, for example. */
  readonly pairs: [PickleValue, PickleValue][];
  /** What was given to `__setstate__` or `__dict__`. */
  state: PickleValue;
}

/** A reference to something outside the pickle: a storage, in torch's files. */
interface Persistent {
  readonly kind: 'persistent';
  readonly id: PickleValue;
}

/** Bytes and integers above 64 bits: nothing that weights are made of. */
interface Opaque {
  readonly kind: 'opaque';
}

/** Bounds the memory of what a pickle describes: 2 M values of some 100 bytes. A ResNet-50 checkpoint has 50,000. */
const MAX_OPERATIONS = 2_000_000;

/** Parses a pickle of protocols 2 to 5. Throws an Error that says what is wrong with it. */
export function parsePickle(bytes: Uint8Array): PickleValue {
  return new Machine(bytes).run();
}

class Machine {
  readonly #bytes: Buffer;
  #position = 0;
  readonly #stack: PickleValue[] = [];
  /** Where each open MARK lies in the stack. */
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
      if (!this.#step(opcode)) {
        throw new Error(
          `its pickle has the opcode 0x${opcode.toString(16)} at byte ${at}, which torch.save does not write`,
        );
      }
    }
    throw new Error(`its pickle has more than ${MAX_OPERATIONS} operations, which is more than weights need`);
  }

  /** Names of the opcodes are those of Python's pickletools. False: not an opcode of torch's files. */
  #step(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        this.#skip(1);
        return true;
      case 0x95: // FRAME
        this.#skip(8);
        return true;
      case 0x28: // MARK
        this.#marks.push(this.#stack.length);
        return true;
      case 0x30: // POP
        this.#pop();
        return true;
      case 0x31: // POP_MARK
        this.#popMark();
        return true;
      case 0x32: // DUP
        return this.#push(this.#top());
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        return this.#push(this.#bytes.readInt32LE(this.#skip(4)));
      case 0x4b: // BININT1
        return this.#push(this.#uint(1));
      case 0x4d: // BININT2
        return this.#push(this.#uint(2));
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#uint(1)));
      case 0x8b: // LONG4
        return this.#push(this.#long(this.#uint(4)));
      case 0x47: // BINFLOAT
        return this.#push(this.#bytes.readDoubleBE(this.#skip(8)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(1, 'utf8'));
      case 0x58: // BINUNICODE
        return this.#push(this.#text(4, 'utf8'));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(8, 'utf8'));
      case 0x55: // SHORT_BINSTRING, as Python 2 writes names
        return this.#push(this.#text(1, 'latin1'));
      case 0x54: // BINSTRING
        return this.#push(this.#text(4, 'latin1'));
      case 0x43: // SHORT_BINBYTES
        return this.#opaque(1);
      case 0x42: // BINBYTES
        return this.#opaque(4);
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#opaque(8);
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        return this.#push({ kind: 'sequence', items: [] });
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push({ kind: 'sequence', items: this.#popMany(opcode - 0x84) });
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        return this.#push({ kind: 'sequence', items: this.#popMark() });
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.#append(this.#popMark());
      case 0x7d: // EMPTY_DICT
        return this.#push({ kind: 'dict', pairs: [] });
      case 0x73: // SETITEM
        return this.#setItems(this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMark());
      case 0x71: // BINPUT
        return this.#put(this.#uint(1));
      case 0x72: // LONG_BINPUT
        return this.#put(this.#uint(4));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x68: // BINGET
        return this.#get(this.#uint(1));
      case 0x6a: // LONG_BINGET
        return this.#get(this.#uint(4));
      case 0x63: // GLOBAL
        return this.#push({ kind: 'global', module: this.#line(), name: this.#line() });
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') {
          throw new Error('its pickle names a class by something else than text');
        }
        return this.#push({ kind: 'global', module, name });
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callee, args] = this.#popMany(2) as [PickleValue, PickleValue];
        return this.#push({ kind: 'call', callee, args, pairs: [], state: null });
      }
      case 0x92: {
        // NEWOBJ_EX; its keyword arguments are nothing that weights are made of
        const [callee, args] = this.#popMany(3) as [PickleValue, PickleValue, PickleValue];
        return this.#push({ kind: 'call', callee, args, pairs: [], state: null });
      }
      case 0x62: {
        // BUILD
        const state = this.#pop();
        const target = this.#top();
        if (typeof target === 'object' && target?.kind === 'call') target.state = state;
        return true;
      }
      case 0x51: // BINPERSID
        return this.#push({ kind: 'persistent', id: this.#pop() });
      default:
        return false;
    }
  }

  #push(value: PickleValue): true {
    this.#stack.push(value);
    return true;
  }

  #pop(): PickleValue {
    return this.#popMany(1)[0] as PickleValue;
  }

  #popMany(count: number): PickleValue[] {
    // Never below the innermost mark, as in Python.
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw new Error('its pickle is damaged');
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw new Error('its pickle is damaged');
    return this.#stack.splice(mark);
  }

  #top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw new Error('its pickle is damaged');
    return this.#stack.at(-1) as PickleValue;
  }

  #append(values: readonly PickleValue[]): true {
    const target = this.#top();
    // Into a call goes the content of a subclass of list, which no state dict is.
    if (typeof target !== 'object' || (target?.kind !== 'sequence' && target?.kind !== 'call')) {
      throw new Error('its pickle appends to something else than a list');
    }
    if (target.kind === 'sequence') for (const value of values) target.items.push(value);
    return true;
  }

  #setItems(values: readonly PickleValue[]): true {
    const target = this.#top();
    if (
      values.length % 2 !== 0 ||
      typeof target !== 'object' ||
      (target?.kind !== 'dict' && target?.kind !== 'call')
    ) {
      throw new Error('its pickle sets keys of something else than a dict');
    }
    for (let i = 0; i < values.length; i += 2) {
      target.pairs.push([values[i] as PickleValue, values[i + 1] as PickleValue]);
    }
    return true;
  }

  #put(index: number): true {
    this.#memo.set(index, this.#top());
    return true;
  }

  #get(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw new Error(`its pickle refers to a value ${index} that it does not have`);
    return this.#push(value);
  }

  /** Moves on by `length` bytes and gives the position before. */
  #skip(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw new Error('its pickle is truncated');
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

  #opaque(sizeBytes: 1 | 4 | 8): true {
    this.#skip(this.#uint(sizeBytes));
    return this.#push({ kind: 'opaque' });
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw new Error('its pickle is truncated');
    const start = this.#skip(end + 1 - this.#position);
    return this.#bytes.toString('utf8', start, end);
  }
}
