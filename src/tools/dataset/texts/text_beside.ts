/** Names of files beside pictures. */

import { basename, dirname, extname } from "node:path";
import { UsageError } from "../../../base/errors.ts";

/** The text that belongs to a picture: pathlib's with_suffix(). */
export function textBeside(picture: string, extension: string): string {
  const folder = dirname(picture);
  return `${folder === "." ? "" : folder === "/" ? "/" : `${folder}/`}${stem(picture)}${extension}`;
}

/** The name without its ending. */
export function stem(path: string): string {
  return basename(path, extname(path));
}

/** An ending that pathlib takes: none, or a dot and more. Throws UsageError. */
export function checkExtension(extension: string): void {
  if (extension === "" || /^\.[^/]+$/.test(extension)) return;
  throw new UsageError(
    `--caption_extension ${extension}: an ending begins with its dot; give .${
      extension.replace(/^\.+/, "") || "txt"
    }`,
  );
}
