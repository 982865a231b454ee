/** Names of files beside pictures. */

import { basename, dirname, extname } from "node:path";
import { UsageError } from "../../../base/errors.ts";
import { counted } from "../../../base/phrases.ts";

/** The text that belongs to a picture: pathlib's with_suffix(). */
export function textBeside(picture: string, extension: string): string {
  const folder = dirname(picture);
  return `${folder === "." ? "" : folder === "/" ? "/" : `${folder}/`}${stem(picture)}${extension}`;
}

/** One line of pictures whose texts are one file, null where each has its own: what is written last stays there. */
export function sharedTexts(pictures: readonly string[], extension: string): string | null {
  const sharing = [...Map.groupBy(pictures, (path) => textBeside(path, extension))]
    .filter(([, paths]) => paths.length > 1);
  if (sharing.length === 0) return null;
  const [[file, paths]] = sharing, more = sharing.length - 1;
  const others = more > 0 ? `, and so do ${counted(more, "other name")}` : "";
  return `${paths.join(" and ")} share ${file}, which the last one decides${others}; rename all but one`;
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
