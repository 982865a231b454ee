/** The picture that goes with a model: in its metadata, or beside it as web interfaces keep it. */

import { basename, dirname, extname, join } from "node:path";
import { isFile } from "../../base/files/exists.ts";
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

const MAGIC: readonly (readonly [RegExp, string])[] = [
  [/^\x89PNG\r\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
];

/** The type is told by the bytes, never by what the metadata call it. */
function pictureOf(bytes: Uint8Array<ArrayBuffer>): Preview | null {
  const type = pictureType(bytes);
  return type === null ? null : { type, bytes };
}

/** Null for what is no PNG, JPEG or WebP. */
export function pictureType(bytes: Uint8Array): string | null {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  return MAGIC.find(([pattern]) => pattern.test(head))?.[1] ?? null;
}

function beside(path: string): string | null {
  const stem = join(dirname(path), basename(path, extname(path)));
  return BESIDE.map((ending) => stem + ending).find(isFile) ?? null;
}
