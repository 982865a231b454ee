/** Files that come with easel: the built-in model and the demo's pictures. */

import { UserError } from "./errors.ts";
import { ROOT } from "./root.ts";

/** The path of a file or folder below assets/, of EASEL_ASSETS where that is set. */
export function assetPath(name: string): string {
  const folder = Deno.env.get("EASEL_ASSETS") ?? `${ROOT}/assets`;
  return `${folder}/${name}`;
}

/** Models that need no file of the user's: `builtin:NAME` wherever a checkpoint path is taken. */
const BUILTIN: Readonly<Record<string, string>> = { "builtin:tiny": "tiny.safetensors" };

/** `path` itself, or the file behind a built-in name. Throws UserError for an unknown built-in name. */
export function modelPath(path: string): string {
  if (!path.startsWith("builtin:")) return path;
  const name = BUILTIN[path];
  if (!name) {
    throw new UserError(
      `${path}: there is no such built-in model; there is ${Object.keys(BUILTIN).join(", ")}`,
    );
  }
  return assetPath(name);
}
