/** A large file's SHA-256, found while other work goes on, and kept in the user's cache folder for the next run. */

import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { atomicWriteFile } from "../base/files/atomic.ts";
import { cacheFolder } from "../base/cache_folder.ts";
import { FileReader } from "./file_reader.ts";

/** A piece takes some milliseconds: between two, the event loop gets its turn. */
const PIECE = 4 << 20;

/** Smaller files are hashed anew each time. */
const WORTH_KEEPING = 64 << 20;

const KEPT = 500;

interface Remembered {
  readonly size: number;
  /** Of the last change, milliseconds since 1970. */
  readonly changed: number;
  readonly sha256: string;
}

/**
 * SHA-256 of a whole file, hexadecimal; null where `signal` ends it. A file whose size and time of change are those of
 * last time is not read again. Throws UserError when it cannot be read.
 */
export async function rememberedSha256(path: string, signal: AbortSignal): Promise<string | null> {
  const file = new FileReader(path, "model file");
  try {
    const changed = Deno.statSync(path).mtime?.getTime() ?? 0, { size } = file, key = resolve(path);
    const known = readKnown().get(key);
    if (known && known.size === size && known.changed === changed) return known.sha256;
    const hash = createHash("sha256"), piece = new Uint8Array(Math.min(PIECE, size));
    for (let at = 0; at < size; at += piece.length) {
      if (signal.aborted) return null;
      hash.update(file.readInto(at, piece.subarray(0, Math.min(piece.length, size - at))));
      await new Promise((next) => setTimeout(next));
    }
    const sha256 = hash.digest("hex");
    if (size >= WORTH_KEEPING) remember(key, { size, changed, sha256 });
    return sha256;
  } finally {
    file.close();
  }
}

function keptIn(): string | null {
  const folder = cacheFolder();
  return folder && join(folder, "hashes.json");
}

/** By absolute path; nothing where there is no such file or it cannot be understood. */
function readKnown(): Map<string, Remembered> {
  const path = keptIn();
  if (path === null) return new Map();
  try {
    const parsed: unknown = JSON.parse(Deno.readTextFileSync(path));
    return new Map(
      Object.entries(parsed as Record<string, Remembered>).filter(([, entry]) => isEntry(entry)),
    );
  } catch {
    return new Map();
  }
}

function isEntry(entry: Partial<Remembered> | null): boolean {
  return typeof entry?.size === "number" && typeof entry.changed === "number" &&
    /^[0-9a-f]{64}$/.test(String(entry.sha256));
}

/** A cache that cannot be written costs time and nothing else. */
function remember(key: string, entry: Remembered): void {
  const path = keptIn();
  if (path === null) return;
  const known = readKnown();
  known.delete(key);
  known.set(key, entry);
  try {
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    atomicWriteFile(path, JSON.stringify(Object.fromEntries([...known].slice(-KEPT)), null, 1));
  } catch {
    // a full disk, or a folder of another user
  }
}
