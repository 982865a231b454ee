/**
 * Python's pickle language (docs.python.org, module pickletools), as far as state dicts speak it. Dicts become Maps,
 * lists and tuples arrays, tensors and storages the values of values.ts. Nothing is imported, called or executed.
 */

import { HOW_TO_LIFT, limit } from "../../base/limits.ts";
import { Code } from "./code.ts";
import { broken, isName, make, PickleError, storage } from "./make.ts";
import { Instance, lookUp, type Name, type Storage } from "./values.ts";

export interface Unpickled {
  readonly value: unknown;
  /** Offset of the byte after the pickle. */
  readonly end: number;
  /** All that the pickle speaks of, also of what is not kept. */
  readonly storages: readonly Storage[];
}

/** The value of the pickle that starts at `start`. Throws PickleError. */
export function unpickle(bytes: Uint8Array, start = 0): Unpickled {
  return new Machine(bytes, start).run();
}

const MARK = Symbol("mark");

/**
 * A value can be a single byte of the pickle and some fifty in memory. Checkpoints of SDXL with their optimizer make
 * less than half a million.
 */
const MAX_VALUES = 1_000_000;

class Machine {
  readonly #code: Code;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  readonly #storages: Storage[] = [];
  #copied = 0;
  #made = 0;
  readonly #most = limit(MAX_VALUES);

  constructor(bytes: Uint8Array, start: number) {
    this.#code = new Code(bytes, start);
  }

  run(): Unpickled {
    for (;;) {
      const { at } = this.#code, opcode = this.#code.take(1)[0];
      if (opcode === 0x2e /* STOP */) {
        return { value: this.#pop(), end: this.#code.at, storages: this.#storages };
      }
      if (!this.#constant(opcode) && !this.#container(opcode) && !this.#object(opcode)) {
        throw new PickleError(
          `has the opcode 0x${opcode.toString(16)} at byte ${at}, which no state dict needs`,
        );
      }
    }
  }

  /** Numbers, texts, None, True, False. */
  #constant(opcode: number): boolean {
    switch (opcode) {
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        return this.#push(this.#code.int32());
      case 0x4b: // BININT1
        return this.#push(this.#code.size(1));
      case 0x4d: // BININT2
        return this.#push(this.#code.size(2));
      case 0x8a: // LONG1
        return this.#push(this.#code.long(this.#code.size(1)));
      case 0x47: // BINFLOAT
        return this.#push(this.#code.float64());
      case 0x58: // BINUNICODE
        return this.#push(this.#code.text(this.#code.size(4)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#code.text(this.#code.size(1)));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#code.text(this.#code.size(8)));
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#code.text(this.#code.size(1)));
      case 0x54: // BINSTRING
        return this.#push(this.#code.text(this.#code.size(4)));
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#code.take(this.#code.size(1)));
      case 0x42: // BINBYTES
        return this.#push(this.#code.take(this.#code.size(4)));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#push(this.#code.take(this.#code.size(8)));
      default:
        return false;
    }
  }

  /** Lists, tuples, dicts, marks, the memo and the frame. */
  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        if (this.#code.size(1) > 5) throw new PickleError("is of a newer protocol than 5");
        return true;
      case 0x95: // FRAME: only tells how much to read at once
        this.#code.skip(8);
        return true;
      case 0x28: // MARK
        return this.#push(MARK);
      case 0x30: // POP
        this.#pop();
        return true;
      case 0x31: // POP_MARK
        this.#popToMark();
        return true;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#push([]);
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x8f: // EMPTY_SET
        return this.#push(new Instance("set"));
      case 0x90: // ADDITEMS
        return this.#append(this.#popToMark());
      case 0x91: // FROZENSET
        this.#popToMark();
        return this.#push(new Instance("frozenset"));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(this.#popSome(opcode - 0x84));
      case 0x74: // TUPLE
      case 0x6c: // LIST
        return this.#push(this.#popToMark());
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popToMark());
      case 0x73: // SETITEM
        return this.#setItems(this.#popSome(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#popToMark());
      case 0x71: // BINPUT
        return this.#remember(this.#code.size(1));
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#code.size(4));
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#code.size(1));
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#code.size(4));
      default:
        return false;
    }
  }

  /** Named classes and functions, and what is made with them. */
  #object(opcode: number): boolean {
    switch (opcode) {
      case 0x63: // GLOBAL
        return this.#push(this.#global(this.#code.line(), this.#code.line()));
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#popSome(2);
        if (typeof module !== "string" || typeof name !== "string") throw broken("a name is no text");
        return this.#push(this.#global(module, name));
      }
      case 0x52: // REDUCE
      case 0x81: { // NEWOBJ
        const [made, args] = this.#popSome(2);
        if (!isName(made) || !Array.isArray(args)) throw broken("something that is no class is called");
        // a list or text that is remembered once could be copied any number of times
        if (Array.isArray(args[0]) || typeof args[0] === "string") this.#copied += args[0].length;
        if (this.#copied > this.#code.length) throw broken("it copies more than it holds");
        return this.#push(make(made, args));
      }
      case 0x62: { // BUILD: attributes; those of an OrderedDict (its _metadata) are not needed
        const state = this.#pop(), object = this.#top();
        if (object instanceof Instance) object.state = state;
        else if (!(object instanceof Map)) throw broken("attributes are given to what has none");
        return true;
      }
      case 0x51: // BINPERSID
        this.#storages.push(storage(this.#pop()));
        return this.#push(this.#storages.at(-1));
      default:
        return false;
    }
  }

  #global(module: string, name: string): Name {
    const found = lookUp(module, name);
    if (found) return found;
    const asked = JSON.stringify(`${module}.${name}`.slice(0, 100)).slice(1, -1);
    throw new PickleError(`asks for ${asked}, which no state dict needs; nothing was executed`);
  }

  #append(values: unknown[]): boolean {
    const list = this.#top();
    if (list instanceof Instance) return true; // a set's elements
    if (!Array.isArray(list)) throw broken("something is appended to what is no list");
    for (const value of values) list.push(value);
    return true;
  }

  #setItems(items: unknown[]): boolean {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) {
      throw broken("something is put into what is no dict");
    }
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
    return true;
  }

  #remember(index: number): boolean {
    this.#count();
    this.#memo.set(index, this.#top());
    return true;
  }

  #recall(index: number): boolean {
    if (!this.#memo.has(index)) throw broken("something is recalled that was never remembered");
    return this.#push(this.#memo.get(index));
  }

  #count(): void {
    if (++this.#made <= this.#most) return;
    throw new PickleError(`makes more than ${this.#most} values, which no state dict needs; ${HOW_TO_LIFT}`);
  }

  #push(value: unknown): boolean {
    this.#count();
    this.#stack.push(value);
    return true;
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): unknown {
    const value = this.#stack.at(-1);
    if (this.#stack.length === 0 || value === MARK) throw broken("the stack is empty");
    return value;
  }

  #popSome(count: number): unknown[] {
    const values = this.#stack.splice(Math.max(0, this.#stack.length - count));
    if (values.length < count || values.includes(MARK)) throw broken("the stack is empty");
    return values;
  }

  #popToMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw broken("a mark is missing");
    const values = this.#stack.splice(mark);
    values.shift();
    return values;
  }
}
