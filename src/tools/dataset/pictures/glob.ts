/** Python's glob.glob(): *, ? and [...] in any part of a path; names that begin with a dot only match such a pattern. */

import { byCodePoint } from "../../../text/code_points.ts";

/** Paths that fit, sorted; none where a folder cannot be read. */
export function globPaths(pattern: string): string[] {
  const [first, ...parts] = pattern.split("/");
  let found = pattern.startsWith("/") ? ["/"] : below("", first);
  for (const part of parts.filter((part) => part !== "")) found = found.flatMap((path) => below(path, part));
  return found.filter((path) => path !== "/").sort(byCodePoint);
}

function below(folder: string, part: string): string[] {
  const inside = (name: string) => folder === "" ? name : folder === "/" ? `/${name}` : `${folder}/${name}`;
  if (!/[*?[]/.test(part)) return exists(inside(part)) ? [inside(part)] : [];
  const fits = expression(part);
  try {
    const names = [...Deno.readDirSync(folder || ".")].map(({ name }) => name);
    return names.filter((name) => fits.test(name) && (part.startsWith(".") || !name.startsWith("."))).map(
      inside,
    );
  } catch {
    return [];
  }
}

/** fnmatch.translate(). */
function expression(part: string): RegExp {
  const pieces = part.match(/\[!?\]?[^\]]*\]|[\s\S]/g) ?? [];
  const translated = pieces.map((piece) => {
    if (piece === "*") return ".*";
    if (piece === "?") return ".";
    if (piece.length === 1) return piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return `[${piece.slice(1, -1).replace(/^!/, "^").replace(/[[\]\\]/g, "\\$&")}]`;
  });
  return new RegExp(`^${translated.join("")}$`, "s");
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
