/** The hashes by which sites and web interfaces know a model file: found once, in one pass, and kept. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileText } from "../../base/files/regular_file.ts";
import { FileReader } from "../../formats/file_reader.ts";
import { legacyHash } from "../../formats/model_hash.ts";
import { writeKept } from "../kept_file.ts";
import { Refused, type Studio } from "../studio.ts";
import { stampOf } from "./about.ts";
import type { Hashes } from "./shown.ts";

interface Kept extends Hashes {
  readonly stamp: string;
}

/** A piece takes some milliseconds: between two, other requests get their turn. */
const PIECE = 4 << 20;

const MOST = 5000;

/** One file at a time: a disk reads none of two faster. */
let turn: Promise<unknown> = Promise.resolve();

/** Null for a file that was not hashed since it changed. */
export function knownHashes(path: string, studio: Pick<Studio, "home">): Hashes | null {
  const found = readKept(studio.home)[path];
  return found && found.stamp === stampOf(path) ? hashesIn(found) : null;
}

/** Throws UserError where the file cannot be read, Refused when the server ends before. */
export function hashesOf(path: string, studio: Pick<Studio, "home" | "signal">): Promise<Hashes> {
  const mine = turn.then(async () => {
    const before = knownHashes(path, studio);
    if (before) return before;
    const stamp = stampOf(path), found = await hashed(path, studio.signal);
    keep(studio.home, path, { stamp, ...found });
    return found;
  });
  turn = mine.catch(() => {});
  return mine;
}

async function hashed(path: string, signal: AbortSignal): Promise<Hashes> {
  const file = new FileReader(path, "model file");
  try {
    const whole = createHash("sha256"), tensors = createHash("sha256"), begin = tensorsBegin(file);
    const piece = new Uint8Array(Math.min(PIECE, file.size));
    for (let at = 0; at < file.size; at += piece.length) {
      if (signal.aborted) throw new Refused(503, `${path}: the studio ended before the hash was found`);
      const read = file.readInto(at, piece.subarray(0, Math.min(piece.length, file.size - at)));
      whole.update(read);
      tensors.update(read.subarray(Math.max(0, Math.min(read.length, begin - at))));
      await new Promise((next) => setTimeout(next));
    }
    return { sha256: whole.digest("hex"), tensors: tensors.digest("hex"), legacy: legacyHash(path) };
  } finally {
    file.close();
  }
}

/** Behind the header of a safetensors file; 0 in any other. */
function tensorsBegin(file: FileReader): number {
  if (file.size < 9) return 0;
  const head = file.read(0, 9), begin = 8 + Number(new DataView(head.buffer).getBigUint64(0, true));
  return head[8] === 0x7b && begin <= file.size ? begin : 0;
}

const hashesIn = ({ sha256, tensors, legacy }: Hashes): Hashes => ({ sha256, tensors, legacy });

const keptIn = (home: string) => join(home, "hashes.json");

function readKept(home: string): Record<string, Kept> {
  try {
    const parsed: unknown = JSON.parse(fileText(keptIn(home)));
    return Object.fromEntries(
      Object.entries(parsed as Record<string, Kept>).filter(([, kept]) => isKept(kept)),
    );
  } catch {
    return {}; // none yet, or not to be understood: hashes are found anew
  }
}

function isKept(kept: Partial<Kept> | null): boolean {
  return typeof kept?.stamp === "string" &&
    [kept.sha256, kept.tensors, kept.legacy].every((text) => /^[0-9a-f]{8,64}$/.test(String(text)));
}

/** What cannot be kept costs time and nothing else. */
function keep(home: string, path: string, found: Kept): void {
  try {
    const { [path]: _, ...others } = readKept(home);
    const rows = [...Object.entries(others), [path, found]].slice(-MOST);
    writeKept(home, keptIn(home), JSON.stringify(Object.fromEntries(rows), null, 1));
  } catch { /* a full disk, or a folder of another user */ }
}
