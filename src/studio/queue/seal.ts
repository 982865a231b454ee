/**
 * Whose jobs wait: a folder that came from elsewhere, as a dataset does, may have brought a queue along, and none of it
 * may begin by itself. So each job is sealed with a key that never lies in the studio's folders.
 */

import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache_folder.ts";
import { fileText } from "../../base/files/regular_file.ts";
import { isSame } from "../server/guard.ts";

/** What a seal is of: all that decides what runs. */
export interface Sealable {
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly device: string;
  readonly created: string;
  readonly resumes?: string;
}

const KEY = /^[\da-f]{64}$/;

/** Where no key can be kept: jobs then wait for this process alone. */
const PASSING = randomBytes(32).toString("hex");

let known: string | null = null;

export function sealOf(
  { id, command, args, folder, device, created, resumes = "" }: Sealable,
): string {
  const text = JSON.stringify([id, command, args, folder, device, created, resumes]);
  return createHmac("sha256", known ??= keptKey()).update(text).digest("base64url");
}

/** Whether this user's easel has queued it, on this machine. */
export function isSealed({ seal, ...job }: Sealable & { readonly seal?: string }): boolean {
  return seal !== undefined && isSame(seal, sealOf(job));
}

function keptKey(): string {
  const folder = cacheFolder();
  if (folder === null) return PASSING;
  const path = join(folder, "studio-key");
  try {
    Deno.mkdirSync(folder, { recursive: true });
    // of two at once only one makes it
    Deno.writeTextFileSync(path, PASSING, { createNew: true, mode: 0o600 });
  } catch { /* it is there already, or cannot be */ }
  try {
    const key = fileText(path).trim();
    return KEY.test(key) ? key : PASSING;
  } catch {
    return PASSING;
  }
}
