/** The picture that goes with a model: in its metadata, or beside it as web interfaces keep it. */

import { basename, dirname, extname, join } from "node:path";
import { isFile } from "../../base/files/exists.ts";
import { imageKind } from "../../images/load.ts";
import { PICTURE_TYPES } from "../server/answers.ts";
import type { Folders } from "../studio.ts";

export interface Preview {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** More is no thumbnail. */
const MOST = 8 << 20;

const BESIDE = [".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".png", ".jpg", ".webp"];

type Metadata = Readonly<Record<string, string>>;

export function hasPreview(path: string, metadata: Metadata): boolean {
  return encoded(metadata) !== null || beside(path) !== null;
}

/** Null where there is none, or where it is no picture that a browser shows. */
export function previewOf(path: string, metadata: Metadata, folders: Folders): Preview | null {
  const text = encoded(metadata), bytes = text === null ? null : decoded(text);
  const inside = bytes && pictureOf(bytes);
  if (inside) return inside;
  const file = beside(path);
  if (file === null || Deno.statSync(file).size > MOST) return null;
  return pictureOf(Deno.readFileSync(folders.inside(file)));
}

/** Base64 of modelspec.thumbnail, which is a data URL, or of the first of sd-webui-additional-networks' covers. */
function encoded(metadata: Metadata): string | null {
  const [, thumbnail] = /^data:image\/[\w.+-]+;base64,(.+)$/s.exec(metadata["modelspec.thumbnail"] ?? "") ??
    [];
  if (thumbnail) return thumbnail;
  try {
    const [cover]: unknown[] = JSON.parse(metadata.ssmd_cover_images ?? "[]");
    return typeof cover === "string" && cover !== "" ? cover : null;
  } catch {
    return null;
  }
}

function decoded(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length > MOST * 4 / 3) return null;
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Told by the bytes, never by what the metadata call it. */
function pictureOf(bytes: Uint8Array<ArrayBuffer>): Preview | null {
  const kind = imageKind(bytes), type = kind === null ? undefined : PICTURE_TYPES[kind];
  return type === undefined ? null : { type, bytes };
}

function beside(path: string): string | null {
  const stem = join(dirname(path), basename(path, extname(path)));
  return BESIDE.map((ending) => stem + ending).find(isFile) ?? null;
}
