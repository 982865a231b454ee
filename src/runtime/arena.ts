/** Memory for the values of one run, shared by programs: they run one after the other and keep nothing in it. */

import type { Buffer } from "./buffer.ts";

/** What arenas are taken from: a device. */
interface Memory {
  readonly arenas: Set<Arena>;
  alloc(bytes: number): Buffer;
  free(buffer: Buffer): void;
}

export class Arena {
  #users = 0;
  #turn: Promise<void> = Promise.resolve();

  private constructor(private readonly memory: Memory, readonly buffer: Buffer) {}

  /** The smallest of the memory's arenas that holds `bytes`, or a new one. Throws UserError when memory is short. */
  static take(memory: Memory, bytes: number): Arena {
    let found: Arena | null = null;
    for (const arena of memory.arenas) {
      if (arena.buffer.bytes >= bytes && !(found && found.buffer.bytes <= arena.buffer.bytes)) found = arena;
    }
    found ??= new Arena(memory, memory.alloc(bytes));
    memory.arenas.add(found);
    found.#users++;
    return found;
  }

  /** Frees the memory when nobody else uses it. */
  release(): void {
    if (--this.#users > 0) return;
    this.memory.arenas.delete(this);
    this.memory.free(this.buffer);
  }

  /** Runs `work` when all that came before is done. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let finish = () => {};
    this.#turn = new Promise((resolve) => finish = resolve);
    await before;
    try {
      return await work();
    } finally {
      finish();
    }
  }
}
