/** Folders that the user has confirmed on the page, for the next start: settings.json in the studio's home. */

import { join } from "node:path";
import { fileText } from "../../base/files/regular_file.ts";
import { writeKept } from "../kept_file.ts";

const FORMAT = "easel studio settings 1";

export interface KeptFolders {
  /** Nothing where there is no list, or none that was written here. */
  read(): readonly string[];
  write(paths: readonly string[]): void;
}

export function keptFolders(home: string): KeptFolders {
  const path = join(home, "settings.json");
  return {
    read() {
      try {
        const { format, of, folders } = JSON.parse(fileText(path));
        if (format !== FORMAT || of !== stampOf(home) || !Array.isArray(folders)) return [];
        return folders.filter((folder) => typeof folder === "string");
      } catch {
        return []; // the user confirms them once more
      }
    },
    write(folders) {
      Deno.mkdirSync(home, { recursive: true, mode: 0o700 });
      const settings = { format: FORMAT, of: stampOf(home), folders };
      writeKept(home, path, JSON.stringify(settings, null, 1) + "\n");
    },
  };
}

/** A list that came along with a copied or unpacked folder says nothing of what this user has confirmed. */
function stampOf(home: string): string {
  const { dev, ino, birthtime } = Deno.statSync(home);
  return [dev, ino, birthtime?.getTime() ?? 0].join(" ");
}
