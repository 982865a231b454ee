/** What can be drawn with: models and LoRAs below all folders, told by what they hold. */

import { aboutFile } from "../files/about.ts";
import { listFiles } from "../files/listing.ts";
import type { Folders } from "../studio.ts";
import type { Choices, DrawnFile } from "./shown.ts";

/** Files that are looked into before other requests get their turn: some milliseconds each. */
const AT_ONCE = 5;

/** The newest first; damaged files are none. */
export async function choicesIn(folders: Folders): Promise<Choices> {
  const models: DrawnFile[] = [], loras: DrawnFile[] = [], seen = new Set<string>();
  for (const root of folders.roots) {
    for (const [i, { path, name }] of listFiles(root, folders).files.entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) await new Promise((next) => setTimeout(next));
      if (seen.has(path)) continue; // of a folder in another
      seen.add(path);
      const { kind, family } = aboutFile(path);
      const list = kind === "checkpoint" ? models : kind === "lora" ? loras : null;
      list?.push({ path, name, family });
    }
  }
  return { models: [...models, { path: "builtin:tiny", name: "builtin:tiny", family: null }], loras };
}
