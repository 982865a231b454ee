/** A program on a device: instruction tables, constants and a place in an arena; run as often as wanted. */

import { byteSize, type DType } from "../base/dtype.ts";
import { Arena } from "./arena.ts";
import type { Buffer } from "./buffer.ts";
import { type Device, pointerFrom } from "./device.ts";
import { decodeValues, encodeValues } from "./store.ts";

interface Slot {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly offset: number;
}

/** What the graph room hands over: plain tables, whose meaning only the backend knows. */
export interface ProgramTables {
  readonly tensors: Uint8Array;
  readonly tensorCount: number;
  readonly instructions: Uint8Array;
  readonly instructionCount: number;
  readonly listing: readonly string[];
  readonly arenaBytes: number;
  readonly constants: Uint8Array;
  readonly inputs: ReadonlyMap<string, Slot>;
  readonly outputs: ReadonlyMap<string, Slot>;
}

/** Numbers of any dtype, and the bits of 16-bit ones. */
export type Values = Float32Array | Int32Array | Uint8Array | Uint16Array;

/** Bytes a program needs beside the parameters. */
export interface ProgramMemory {
  readonly arenaBytes: number;
  /** Repacked weights and scratch that the backend holds, and no other program did before. */
  readonly packedBytes: number;
  readonly scratchBytes: number;
}

export class Program {
  #running = false;

  private constructor(
    readonly device: Device,
    readonly tables: ProgramTables,
    readonly memory: ProgramMemory,
    private readonly arena: Arena,
    private readonly constants: Buffer,
    /** The library's own handle. */
    readonly handle: NonNullable<Deno.PointerValue>,
  ) {}

  /** Takes an arena and prepares every instruction; `parameters` are the buffers behind entries 2 and up. */
  static async create(
    device: Device,
    tables: ProgramTables,
    parameters: readonly Buffer[],
  ): Promise<Program> {
    const arena = Arena.take(device, tables.arenaBytes);
    let constants: Buffer | null = null, pointer: Deno.PointerValue = null;
    try {
      constants = device.alloc(tables.constants.length);
      if (tables.constants.length) device.upload(constants, 0, tables.constants);
      const buffers = BigUint64Array.from(
        [arena.buffer, constants, ...parameters].map((b) => Deno.UnsafePointer.value(b.pointer)),
      );
      const out = new BigUint64Array(1);
      device.check(
        await device.symbols.easel_program_create(
          device.pointer,
          tables.tensors as Uint8Array<ArrayBuffer>,
          tables.tensorCount,
          tables.instructions as Uint8Array<ArrayBuffer>,
          tables.instructionCount,
          buffers,
          buffers.length,
          out,
        ),
      );
      pointer = pointerFrom(out);
      const packed = new BigUint64Array(1), scratch = new BigUint64Array(1);
      device.symbols.easel_program_memory(pointer, packed, scratch);
      const memory = {
        arenaBytes: tables.arenaBytes,
        packedBytes: Number(packed[0]),
        scratchBytes: Number(scratch[0]),
      };
      device.account(memory.packedBytes + memory.scratchBytes);
      return new Program(device, tables, memory, arena, constants, pointer);
    } catch (error) {
      if (pointer) device.symbols.easel_program_destroy(device.pointer, pointer);
      arena.release();
      if (constants) device.free(constants);
      throw error;
    }
  }

  /**
   * Uploads every input, runs once, gives back every output as float32 (16-bit inputs are converted from float32, or given as bits).
   * Throws RangeError when an input is missing, unknown or of another size.
   */
  async run(inputs: Readonly<Record<string, Values>> = {}): Promise<Record<string, Float32Array>> {
    const out = Object.entries(await this.runBytes(inputs));
    return Object.fromEntries(
      out.map(([name, bytes]) => [name, decodeValues(bytes, this.tables.outputs.get(name)!.dtype)]),
    );
  }

  /** The same; every output as the bytes of its own dtype. */
  async runBytes(
    inputs: Readonly<Record<string, Values>> = {},
  ): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
    if (this.#running) throw new RangeError("a program cannot run twice at once");
    this.#running = true;
    try {
      return await this.arena.exclusive(async () => {
        this.#uploadAll(inputs);
        this.device.check(await this.device.symbols.easel_program_run(this.device.pointer, this.handle));
        const out: Record<string, Uint8Array<ArrayBuffer>> = {};
        for (const [name, slot] of this.tables.outputs) {
          out[name] = new Uint8Array(encodedBytes(slot));
          this.device.download(this.arena.buffer, slot.offset, out[name]);
        }
        return out;
      });
    } finally {
      this.#running = false;
    }
  }

  /**
   * Runs once with the given inputs and tells the seconds each instruction took, slowest first. It is a run like any
   * other: what the program adds to parameters is added.
   */
  async profile(
    inputs: Readonly<Record<string, Values>> = {},
  ): Promise<{ instruction: string; seconds: number }[]> {
    const seconds = new Float64Array(this.tables.instructionCount);
    const bytes = new Uint8Array(seconds.buffer);
    await this.arena.exclusive(async () => {
      this.#uploadAll(inputs);
      this.device.check(
        await this.device.symbols.easel_program_profile(this.device.pointer, this.handle, bytes),
      );
    });
    return this.tables.listing.map((instruction, i) => ({ instruction, seconds: seconds[i] }))
      .sort((a, b) => b.seconds - a.seconds);
  }

  /** Frees the program's memory; parameters stay. */
  destroy(): void {
    this.device.symbols.easel_program_destroy(this.device.pointer, this.handle);
    this.device.account(-this.memory.packedBytes - this.memory.scratchBytes);
    this.arena.release();
    this.device.free(this.constants);
  }

  #uploadAll(inputs: Readonly<Record<string, Values>>): void {
    for (const name of Object.keys(inputs)) {
      if (!this.tables.inputs.has(name)) throw new RangeError(`the program has no input ${name}`);
    }
    for (const [name, slot] of this.tables.inputs) {
      const values = inputs[name];
      const wanted = slot.shape.reduce((n, d) => n * d, 1);
      if (values?.length !== wanted) {
        throw new RangeError(`input ${name} wants ${wanted} values [${slot.shape}], got ${values?.length}`);
      }
      this.device.upload(this.arena.buffer, slot.offset, encodeValues(values, slot.dtype));
    }
  }
}

function encodedBytes(slot: Slot): number {
  return slot.shape.reduce((n, d) => n * d, 1) *
    byteSize(slot.dtype);
}
