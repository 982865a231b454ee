/** The hashes by which web interfaces and sites know what a picture was drawn with. */

import { basename } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { isFolder } from "../../base/files/exists.ts";
import { rememberedSha256 } from "../../formats/remembered_hash.ts";
import type { GenImgConfig } from "../groups.ts";

/** A file that took part, by its name and the first ten digits of its SHA-256. */
export interface Resource {
  readonly name: string;
  readonly hash: string;
}

/** Null for a folder, which has no hash. */
export interface ResourceHashes {
  readonly model: Resource | null;
  readonly vae: Resource | null;
  /** By the word that each is for. */
  readonly embeddings: readonly Resource[];
}

const DIGITS = 10;

/**
 * Reads the files while pictures are drawn, until `signal`. One that cannot be read has no hash, which is told and keeps
 * nothing from being drawn.
 */
export async function resourceHashes(
  { ckpt, vae, textualInversionEmbeddings }: Pick<
    GenImgConfig,
    "ckpt" | "vae" | "textualInversionEmbeddings"
  >,
  signal: AbortSignal,
  warn: (text: string) => void,
): Promise<ResourceHashes> {
  const of = async (
    path: string | null,
    name = (path: string) => basename(path),
  ): Promise<Resource | null> => {
    if (path === null || isFolder(path)) return null;
    try {
      const sha256 = await rememberedSha256(path, signal);
      return sha256 === null ? null : { name: name(path), hash: sha256.slice(0, DIGITS) };
    } catch (cause) {
      warn(`${(cause as Error).message}; pictures do not name its hash`);
      return null;
    }
  };
  const model = await of(modelPath(ckpt), modelName), embeddings: Resource[] = [];
  for (const path of textualInversionEmbeddings ?? []) {
    const found = await of(path, modelName);
    if (found) embeddings.push(found);
  }
  return { model, vae: await of(vae), embeddings };
}

/** A file's name without its ending. */
export function modelName(path: string): string {
  return basename(path).replace(/\.[^.]*$/, "");
}
