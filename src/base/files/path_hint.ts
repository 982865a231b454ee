/** Why a path may lead nowhere although its writer sees the file: it was written for another system, or with escapes. */

/** The characters that TOML and JSON make of \n, \t, \r, \b, \f and \e between double quotes, and what was written. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\n": "n",
  "\t": "t",
  "\r": "r",
  "\b": "b",
  "\f": "f",
  "\x1b": "e",
};

/** What to write in place of a backslash between double quotes: the end of a sentence. */
export const BACKSLASHES = "double the backslashes, or use single quotes or forward slashes";

/** Whether a path names a drive or a share of Windows while this is another system: such a folder is never meant. */
export function isForeignPath(path: string): boolean {
  return Deno.build.os !== "windows" && /^([a-z]:[\\/]|\\\\)/i.test(path);
}

/** The end of a line about a path that leads nowhere: "" or "; ..." with what is odd about it. */
export function pathHint(path: string): string {
  const escaped = [...path].find((character) => Object.hasOwn(ESCAPES, character));
  if (escaped) {
    return `; \\${ESCAPES[escaped]} between double quotes is a control character: ${BACKSLASHES}`;
  }
  if (Deno.build.os === "windows") return "";
  const [, drive, rest] = /^["']?([a-z]):[\\/](.*)$/is.exec(path) ?? [];
  if (drive) {
    const below = rest.replaceAll("\\", "/");
    return `; it is a path of Windows, and this is ${Deno.build.os}: under WSL it is /mnt/${drive.toLowerCase()}/${below}`;
  }
  if (path.startsWith("\\\\")) return `; it is a network path of Windows, and this is ${Deno.build.os}`;
  return path.includes("\\") ? "; folders are separated by / here, not by \\" : "";
}
