/** Small copies of pictures and what is known of them: from the store, else made by other threads. */

import { Pool } from "../../../base/workers/pool.ts";
import { UnreadableImage } from "../../../images/load.ts";
import { Refused } from "../../studio.ts";
import { type FileStamp, LookStore, type SeenPicture } from "./look_store.ts";
import { type Looked, lookTask, type Shown } from "./look_task.ts";

/** Longest side of a small copy, in pixels: a cell of the grid on a fine screen. */
export const SMALL = 320;

/** More threads than this make a training that runs beside slower, and nobody looks so fast. */
const MOST_THREADS = 4;

/** Threads that have nothing to do end after so many milliseconds. */
const IDLE = 15_000;

export class Looking implements Disposable {
  readonly #store: LookStore;
  #pool: Pool | null = null;
  #busy = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** Rejects when the server ends: threads that are stopped answer no more, and nobody shall wait for them. */
  readonly #ended = Promise.withResolvers<never>();
  /** What is being made, so that nothing is made twice. */
  readonly #making = new Map<string, Promise<SeenPicture>>();

  constructor(home: string) {
    this.#store = new LookStore(home);
    this.#ended.promise.catch(() => {});
  }

  /** Never throws for a picture that cannot be read: that is kept too. `path`: a real path. */
  async look(path: string, stamp: FileStamp, shown: Shown = "colours"): Promise<SeenPicture> {
    const known = this.#store.find(path, shown, stamp);
    if (known) return known;
    const key = JSON.stringify([path, shown, stamp.mtime, stamp.bytes]);
    const making = this.#making.get(key) ?? this.#make(path, stamp, shown);
    this.#making.set(key, making);
    try {
      return await making;
    } finally {
      this.#making.delete(key);
    }
  }

  /** What is known already, without looking. */
  known(path: string, stamp: FileStamp): Omit<Looked, "jpeg"> | { readonly problem: string } | null {
    return this.#store.facts(path, stamp);
  }

  /** Pictures that are worth asking for at once. */
  get ahead(): number {
    return 2 * threads();
  }

  async #make(path: string, stamp: FileStamp, shown: Shown): Promise<SeenPicture> {
    clearTimeout(this.#idle);
    this.#pool ??= new Pool(threads());
    this.#busy++;
    try {
      const looked = this.#pool.run(lookTask, { path, side: SMALL, shown }).catch((error) => {
        if (error instanceof UnreadableImage) return { problem: error.message };
        throw error;
      });
      const seen = await Promise.race([looked, this.#ended.promise]);
      this.#store.put(path, shown, stamp, seen);
      return seen;
    } finally {
      if (--this.#busy === 0 && this.#pool) this.#idle = setTimeout(() => this.#rest(), IDLE);
    }
  }

  #rest(): void {
    this.#pool?.[Symbol.dispose]();
    this.#pool = null;
  }

  [Symbol.dispose](): void {
    this.#ended.reject(new Refused(503, "the server ends"));
    clearTimeout(this.#idle);
    this.#rest();
    this.#store[Symbol.dispose]();
  }
}

/** Two at least: with one the server's own thread would do the work. */
function threads(): number {
  return Math.max(2, Math.min(MOST_THREADS, navigator.hardwareConcurrency));
}
