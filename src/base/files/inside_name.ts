/** Names from outside that become files and folders: they stay inside the folder that they are meant for. */

/** Bytes that file systems take for one name. */
const MAX_NAME = 255;

/**
 * Bytes kept free for what is put behind or around a name: "-step00000100-state", a sample picture's moment, number,
 * time and seed, the ending, and the marks of a file that is not whole yet.
 */
const ADDED = 80;

/**
 * What keeps a name from standing for a file inside a folder, as the end of a sentence about the name; null where
 * nothing does. With `folders` it may lead through folders below, separated by slashes.
 */
export function nameProblem(name: string, { folders }: { folders: boolean }): string | null {
  const slashes = Deno.build.os === "windows" ? /[/\\]/ : /\//;
  const parts = name.split(slashes);
  if (!folders && (parts.length > 1 || name.includes("\\"))) return "is no plain file name";
  if (parts[0] === "" || Deno.build.os === "windows" && /^[a-z]:/i.test(name)) return "is an absolute path";
  if (parts.includes("..")) return 'leaves the folder by ".."';
  if (parts.some((part) => part === "" || part === ".")) return "has an empty part";
  // deno-lint-ignore no-control-regex -- they are what is looked for
  if (/[\x00-\x1f\x7f-\x9f]/.test(name)) return "holds control characters";
  const longest = Math.max(...parts.map((part) => new TextEncoder().encode(part).length));
  if (longest <= MAX_NAME - ADDED) return null;
  return `has ${longest} bytes, at most ${MAX_NAME - ADDED} leave room for what is put behind it`;
}
