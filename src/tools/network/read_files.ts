/** Files that a tool reads are not the ones that it writes. */

import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import { isSameFile } from "../../base/files/links.ts";

/** `read`: paths by the flag that names them. Throws UsageError where `saveTo` would replace one of them. */
export function keepRead(saveTo: string, read: Readonly<Record<string, readonly (string | null)[]>>): void {
  for (const [flag, paths] of Object.entries(read)) {
    for (const path of paths) {
      if (path === null || !isSameFile(saveTo, modelPath(path))) continue;
      throw new UsageError(
        `${saveTo}: is what --${flag} names and would be replaced; give another --save_to`,
      );
    }
  }
}
