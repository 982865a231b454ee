/** One file of the hub into the cache: resumed where an earlier try was cut off, checked before it gets its name. */

import { createHash, type Hash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { UserError } from "../base/errors.ts";
import { exists, isTaken } from "../base/files/exists.ts";
import { lock } from "../base/files/temporary.ts";
import { writeAll } from "../base/files/atomic.ts";
import type { JobContext } from "../base/job.ts";
import type { HubSettings } from "./place.ts";

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** The blob's name in the cache: the SHA-256 of a large file, Git's hash of a small one. */
  readonly etag: string;
  /** Whether `etag` is the SHA-256. */
  readonly large: boolean;
}

/** Tries of a download that goes on, before it is given up. */
const TRIES = 5;

/** Bytes between two moments of progress. */
const NOTED = 4 << 20;

/** Puts the file below `repo`/snapshots/`commit` and returns its path there. Throws UserError. */
export async function downloadFile(
  file: HubFile,
  url: string,
  folders: { readonly repo: string; readonly commit: string },
  settings: HubSettings,
  context: JobContext,
): Promise<string> {
  const blob = join(folders.repo, "blobs", file.etag);
  const place = join(folders.repo, "snapshots", folders.commit, file.path);
  if (exists(place)) return place;
  Deno.mkdirSync(dirname(blob), { recursive: true });
  Deno.mkdirSync(dirname(place), { recursive: true });
  if (!exists(blob)) await fill(blob, file, url, settings, context);
  if (!isTaken(place)) Deno.symlinkSync(relative(dirname(place), blob), place);
  return place;
}

async function fill(
  blob: string,
  file: HubFile,
  url: string,
  settings: HubSettings,
  context: JobContext,
): Promise<void> {
  const part = `${blob}.incomplete`;
  using out = Deno.openSync(part, { read: true, write: true, create: true });
  if (lock(out) === "taken") {
    throw new UserError(`${file.path}: is being downloaded by another program; wait for its end`);
  }
  const hash = createHash("sha256");
  let done = hashed(out, hash);
  if (done > file.size) done = restart(out);
  for (let tries = 1; done < file.size; tries++) {
    try {
      done = await receive(out, hash, done, file, url, settings, context);
    } catch (error) {
      context.signal.throwIfAborted();
      done = out.seekSync(0, Deno.SeekMode.Current); // what came before it broke off
      if (error instanceof UserError || tries === TRIES) throw unreachable(file, done, error);
      await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** tries));
    }
  }
  const wrong = file.large && hash.digest("hex") !== file.etag;
  if (wrong || out.statSync().size !== file.size) {
    Deno.removeSync(part);
    throw new UserError(`${file.path}: what came is not what the hub says that it is; try again`);
  }
  out.syncDataSync();
  Deno.renameSync(part, blob);
}

/** What is there already, into the hash; returns how much. */
function hashed(out: Deno.FsFile, hash: Hash): number {
  const block = new Uint8Array(1 << 20);
  let done = 0;
  for (let count; (count = out.readSync(block)) !== null; done += count) {
    hash.update(block.subarray(0, count));
  }
  return done;
}

function restart(out: Deno.FsFile): number {
  out.truncateSync(0);
  out.seekSync(0, Deno.SeekMode.Start);
  return 0;
}

async function receive(
  out: Deno.FsFile,
  hash: Hash,
  from: number,
  { path, size }: HubFile,
  url: string,
  { token }: HubSettings,
  context: JobContext,
): Promise<number> {
  const headers = {
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(from > 0 && { Range: `bytes=${from}-` }),
  };
  const response = await fetch(url, { headers, signal: context.signal });
  if (!response.ok || from > 0 && response.status !== 206) {
    await response.body?.cancel();
    if (response.ok) {
      throw new UserError(`${path}: the server cannot go on where it was cut off; remove it from the cache`);
    }
    throw new UserError(
      `${path}: the hub answers ${response.status} (${response.statusText || "no reason"})`,
    );
  }
  let done = from, noted = from;
  for await (const bytes of response.body!) {
    writeAll(out, bytes);
    hash.update(bytes);
    done += bytes.length;
    if (done - noted < NOTED && done < size) continue;
    noted = done;
    context.progress({
      task: `downloading ${path}`,
      step: Math.ceil(done / 1e6),
      total: Math.ceil(size / 1e6),
    });
  }
  return done;
}

function unreachable({ path, size }: HubFile, done: number, cause: unknown): UserError {
  if (cause instanceof UserError) return cause;
  const why = (cause as Error).message.split("\n")[0].slice(0, 200);
  return new UserError(
    `${path}: was cut off after ${done} of ${size} bytes (${why}); the same command goes on from there`,
    { cause },
  );
}
