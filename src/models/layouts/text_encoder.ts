/** Text encoders' tensors under their original keys, from files of transformers and of open_clip. */

import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { clipLKey, openClipFromTransformers } from "../keys/mod.ts";
import type { TextEncoderPart } from "../families/family.ts";
import { asItIs, type Sources } from "./tensor_view.ts";

/** What every encoder has, by layout; what is before it in a file's names is the encoder's prefix. */
const ANCHORS = {
  transformers: /^(.*?)(text_model\.)?embeddings\.token_embedding\.weight$/,
  openClip: /^(.*?)token_embedding\.weight$/,
} as const;

/**
 * The sources of one encoder at its place in a checkpoint. A file may hold more than that (CLIP's vision tower, a whole
 * model); only the encoder's tensors are taken. Throws UserError when there is none of that kind.
 */
export function textEncoderSources(file: TensorFile, { scope, layout }: TextEncoderPart): Sources {
  const keys = file.keys();
  const openClip = keys.filter((key) => !ANCHORS.transformers.test(key)).map((key) =>
    ANCHORS.openClip.exec(key)
  )
    .find((found) => found !== null);
  if (layout === "open_clip" && openClip) {
    return below(file, openClip[1], (key) => `${scope}.${key}`, OPEN_CLIP);
  }
  const found = keys.map((key) => ANCHORS.transformers.exec(key)).find((match) => match !== null);
  if (!found) {
    const wanted = layout === "clip_l"
      ? "CLIP (transformers' names)"
      : "CLIP (names of transformers or open_clip)";
    throw new UserError(`${file.path}: holds no text encoder of the kind ${wanted}; give such a file`);
  }
  const top = scope.slice(0, -"text_model".length);
  return layout === "clip_l"
    ? below(file, found[1], (key) => top + clipLKey(key), CLIP_L)
    : openClipSources(file, found[1], scope);
}

const CLIP_L = /^(text_model\.)?(embeddings\.(token|position)_embedding|encoder\.layers|final_layer_norm)\./;
const OPEN_CLIP =
  /^(transformer\.resblocks\.|token_embedding\.|ln_final\.|(positional_embedding|text_projection)$)/;

function below(file: TensorFile, prefix: string, name: (key: string) => string, part: RegExp): Sources {
  const sources: Sources = new Map();
  for (const key of file.keys()) {
    const inner = key.slice(prefix.length);
    if (key.startsWith(prefix) && part.test(inner)) sources.set(name(inner), asItIs(file, key));
  }
  return sources;
}

/** transformers keeps queries, keys and values apart. */
function openClipSources(file: TensorFile, prefix: string, scope: string): Sources {
  const sources: Sources = new Map();
  for (const key of file.keys()) {
    const inner = key.startsWith(prefix) ? clipLKey(key.slice(prefix.length)) : undefined;
    const found = inner === undefined ? undefined : openClipFromTransformers(inner);
    if (!found) continue;
    const name = `${scope}.${found.original}`;
    if (found.third === undefined) sources.set(name, asItIs(file, key));
    else if (found.third === 0) {
      const thirds = ["q", "k", "v"].map((letter) => key.replace(/q_proj(\.\w+)$/, `${letter}_proj$1`));
      const [rows, ...rest] = file.info(key).shape;
      sources.set(name, { file, keys: thirds, shape: [3 * rows, ...rest] });
    }
  }
  return sources;
}
