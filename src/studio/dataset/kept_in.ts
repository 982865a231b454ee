/** Where the studio keeps what is of one dataset folder. */

import { createHash } from "node:crypto";
import { join } from "node:path";

/** `home`: the studio's; `what`: a folder in it; `folder`: a real path, whose name may be anything. */
export function keptIn(home: string, what: "undo" | "left_out", folder: string): string {
  return join(home, what, createHash("sha256").update(folder).digest("hex").slice(0, 20));
}
