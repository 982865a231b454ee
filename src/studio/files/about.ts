/** What a model file is, for its row in the list and its page: the header is read, no weights. */

import { UserError } from "../../base/errors.ts";
import { inspectFile, type Inspection, type TensorRow } from "../../tools/inspect.ts";
import { hasPreview } from "./preview.ts";
import type { About, Said } from "./shown.ts";

const TITLE = 200, KEY = 200, TEXT = 20_000, MOST_TEXTS = 1000, MOST_TENSORS = 4000, KEPT = 10_000;

/** As files were when they were last looked at, by path. */
const known = new Map<string, { readonly stamp: string; readonly about: About }>();

/** Never throws: a file that cannot be understood says why. */
export function aboutFile(path: string): About {
  const stamp = stampOf(path), before = known.get(path);
  if (before && before.stamp === stamp) return before.about;
  const about = readAbout(path);
  if (known.size >= KEPT) known.delete(known.keys().next().value!);
  known.set(path, { stamp, about });
  return about;
}

function readAbout(path: string): About {
  try {
    return aboutOf(inspectFile(path));
  } catch (cause) {
    const error = cause instanceof UserError
      ? cause.message
      : `${path}: cannot be read (${(cause as Error).message.split("\n")[0]})`;
    const nothing = { family: null, ranks: [], alphas: [], elements: {}, tensors: 0, title: null };
    return { path, bytes: sizeOf(path), error, what: error, kind: "damaged", ...nothing, preview: false };
  }
}

export function aboutOf(found: Inspection): About {
  const { path, bytes, what, kind, family, ranks, alphas, elements, metadata } = found;
  const title = metadata["modelspec.title"]?.slice(0, TITLE) || null, preview = hasPreview(path, metadata);
  return {
    ...{ path, bytes, what, kind, family, ranks, alphas, elements },
    ...{ tensors: found.tensors.length, title, preview },
  };
}

/** What is not shown as text: pictures. */
const PICTURES = ["modelspec.thumbnail", "ssmd_cover_images"];

export function saidOf(metadata: Readonly<Record<string, string>>): Said[] {
  return Object.entries(metadata)
    .filter(([key]) => !PICTURES.includes(key))
    .sort(([a], [b]) => a < b ? -1 : 1)
    .slice(0, MOST_TEXTS)
    .map(([key, text]) => ({ key: key.slice(0, KEY), text: text.slice(0, TEXT), length: text.length }));
}

export function someTensors(tensors: readonly TensorRow[]): readonly TensorRow[] {
  return tensors.slice(0, MOST_TENSORS).map((row) => ({ ...row, key: row.key.slice(0, KEY) }));
}

/** Size and time of change: another file has others. */
export function stampOf(path: string): string {
  try {
    const { size, mtime, ino } = Deno.statSync(path);
    return `${size} ${mtime?.getTime()} ${ino}`;
  } catch {
    return "none";
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}
