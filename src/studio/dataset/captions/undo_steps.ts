/**
 * Every change of captions, kept on the disk so that it can be taken back: a file a step, in a folder for each dataset
 * folder. A step is written before the first caption is, and holds what stood there and what comes. So a server that is
 * killed in the middle has lost nothing: taking the step back, or doing it again, settles each caption either way.
 */

import { dirname, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { isFolder, isTaken } from "../../../base/files/exists.ts";
import { fileText } from "../../../base/files/regular_file.ts";
import { writeKept } from "../../kept_file.ts";
import { keptIn } from "../kept_in.ts";
import type { StepDeed, StepHead } from "../shown.ts";
import type { CaptionBytes } from "./caption_file.ts";

/** One caption file. `after` is missing in a step whose job still writes. */
export interface CaptionChange {
  readonly path: string;
  readonly before: CaptionBytes;
  readonly after?: CaptionBytes;
}

export interface UndoStep extends StepHead {
  readonly changes: readonly CaptionChange[];
}

/** By it a file is known as ours. */
const MARK = "easel undo 1";
const NAME = /^step-(\d{6,})\.json$/;

const MOST_STEPS = 200, MOST_BYTES = 256 * 2 ** 20;

interface Stored {
  readonly mark: string;
  readonly id: number;
  readonly time: number;
  readonly folder: string;
  readonly deed: StepDeed;
  readonly job: string | null;
  readonly changes: readonly { path: string; before: string | null; after?: string | null }[];
}

export class UndoSteps {
  readonly #dir: string;
  /** Ascending by id; `bytes` is what the file takes. */
  #heads: (StepHead & { readonly bytes: number })[];
  /** Id of the last step that is done; those above it are taken back. */
  #position: number;

  #last: Promise<unknown> = Promise.resolve();

  /** `home`: the studio's; `folder`: whose captions they are, a real path; `inside` refuses what leads out of the user's folders. */
  constructor(
    private readonly home: string,
    private readonly folder: string,
    private readonly inside: (path: string) => string,
  ) {
    this.#dir = keptIn(home, "undo", folder);
    const names = isFolder(this.#dir) ? [...Deno.readDirSync(this.#dir)].map(({ name }) => name) : [];
    this.#heads = names.filter((name) => NAME.test(name)).sort().flatMap((name) => {
      const read = this.#read(name);
      return read ? [{ ...headOf(read.stored), bytes: read.bytes }] : [];
    });
    this.#position = this.#readPosition();
  }

  /** Steps that can be taken back, the last one last, and those that can be done again, the next one first. */
  get done(): readonly StepHead[] {
    return this.#heads.filter(({ id }) => id <= this.#position);
  }
  get undone(): readonly StepHead[] {
    return this.#heads.filter(({ id }) => id > this.#position);
  }

  /** One change after the other: taking back what is being written would leave half of both. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /**
   * Throws UserError where there is none, or none that can be read, and where it names what is no file of this folder: a
   * folder from elsewhere may have brought its steps along.
   */
  step(id: number): UndoStep {
    const read = this.#read(fileName(id));
    if (!read) throw new UserError(`${join(this.#dir, fileName(id))}: holds no step that can be taken back`);
    for (const { path } of read.stored.changes) {
      if (dirname(path) !== this.folder) {
        throw new UserError(
          `${join(this.#dir, fileName(id))}: names ${path}, which is no caption of its folder`,
        );
      }
      this.realOf(path);
    }
    const changes = read.stored.changes.map(({ path, before, after }) => ({
      path,
      before: bytesOf(before),
      ...(after !== undefined && { after: bytesOf(after) }),
    }));
    return { ...headOf(read.stored), changes };
  }

  /** Where a caption really lies. Throws Refused where a link leads out of the user's folders. */
  realOf(path: string): string {
    return this.inside(path);
  }

  /** Writes a step and makes it the last one that is done; what was taken back before cannot be done again. */
  push(deed: StepDeed, changes: readonly CaptionChange[], job: string | null = null): StepHead {
    for (const { id } of this.undone) this.drop(id);
    let id = (this.#heads.at(-1)?.id ?? this.#position) + 1;
    while (isTaken(join(this.#dir, fileName(id)))) id++; // by another server on the same folder
    const head = this.#write({ id, time: Date.now(), deed, job }, changes);
    this.move(id);
    this.#trim();
    return head;
  }

  /** Writes a step anew: its job is known, or over. */
  settle(step: StepHead, changes: readonly CaptionChange[], job = step.job): void {
    this.#write({ ...step, job }, changes);
  }

  move(position: number): void {
    writeKept(this.home, join(this.#dir, "position.json"), JSON.stringify({ mark: MARK, position }));
    this.#position = position;
  }

  /** The step before `id`, as a position. */
  before(id: number): number {
    return this.#heads.findLast((head) => head.id < id)?.id ?? 0;
  }

  drop(id: number): void {
    if (id === this.#position) this.move(this.before(id));
    this.#heads = this.#heads.filter((head) => head.id !== id);
    try {
      Deno.removeSync(join(this.#dir, fileName(id)));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #write(
    { id, time, deed, job }: Pick<StepHead, "id" | "time" | "deed" | "job">,
    changes: readonly CaptionChange[],
  ): StepHead {
    const stored: Stored = {
      ...{ mark: MARK, id, time, folder: this.folder, deed, job },
      changes: changes.map(({ path, before, after }) => ({
        path,
        before: textOf(before),
        ...(after !== undefined && { after: textOf(after) }),
      })),
    };
    const text = JSON.stringify(stored);
    writeKept(this.home, join(this.#dir, fileName(id)), text);
    const head = { ...headOf(stored), bytes: text.length };
    this.#heads = [...this.#heads.filter((other) => other.id !== id), head].sort((a, b) => a.id - b.id);
    return head;
  }

  /** The oldest steps go; the last one stays, however large. */
  #trim(): void {
    let bytes = this.#heads.reduce((sum, head) => sum + head.bytes, 0);
    while (this.#heads.length > 1 && (this.#heads.length > MOST_STEPS || bytes > MOST_BYTES)) {
      bytes -= this.#heads[0].bytes;
      this.drop(this.#heads[0].id);
    }
  }

  #read(name: string): { stored: Stored; bytes: number } | null {
    try {
      const path = join(this.#dir, name);
      if (Deno.statSync(path).size > 2 * MOST_BYTES) return null;
      const text = fileText(path), stored = JSON.parse(text) as Stored;
      const ours = stored.mark === MARK && stored.folder === this.folder && fileName(stored.id) === name;
      return ours && isWhole(stored) ? { stored, bytes: text.length } : null;
    } catch {
      return null; // somebody else's
    }
  }

  #readPosition(): number {
    try {
      const { mark, position } = JSON.parse(fileText(join(this.#dir, "position.json")));
      if (mark === MARK && Number.isSafeInteger(position)) return position;
    } catch { /* none yet */ }
    return this.#heads.at(-1)?.id ?? 0;
  }
}

function fileName(id: number): string {
  return `step-${String(id).padStart(6, "0")}.json`;
}

function isWhole({ time, deed, job, changes }: Stored): boolean {
  const isCaption = (text: unknown) => text === null || typeof text === "string" && BASE64.test(text);
  return Number.isFinite(time) && typeof deed?.kind === "string" &&
    (job === null || typeof job === "string") &&
    changes.every(({ path, before, after }) =>
      typeof path === "string" && isCaption(before) && (after === undefined || isCaption(after))
    );
}

const BASE64 = /^[A-Za-z\d+/]*={0,2}$/;

function headOf({ id, time, deed, job, changes }: Stored): StepHead {
  const open = changes.some(({ after }) => after === undefined);
  return { id, time, deed, job, count: changes.length, open };
}

function textOf(bytes: CaptionBytes): string | null {
  return bytes === null ? null : bytes.toBase64();
}

function bytesOf(text: string | null): CaptionBytes {
  return text === null ? null : Uint8Array.fromBase64(text);
}
