/** A whole model as a checkpoint's tensors: the original file's, with the changed ones in their places. */
import type { TensorToWrite } from "../../formats/mod.ts";
import { clipConfig } from "../clip/mod.ts";
import { below } from "../keys/mod.ts";
import type { ModelFile, Place } from "../open.ts";
import { changedDtype, saveDtypeOf, type SavePrecision, toDtype } from "./save_dtype.ts";

/** Tensors by key; one is asked for when its turn comes to be written. */
export interface ChangedTensors {
  has(key: string): boolean;
  get(key: string): Float32Array | undefined;
}

export const NOTHING_CHANGED: ChangedTensors = { has: () => false, get: () => undefined };

/** What a save takes of an open model. */
export type SavedModel = Pick<
  ModelFile,
  "family" | "shapes" | "places" | "rest" | "counters" | "isFolder" | "path"
>;

/**
 * Every tensor of the model: from `changed` where it is there, else from the file. With a `precision` everything is
 * converted; without one changed tensors take the dtype that the file has them in, as the others keep it. What a file
 * holds beside its model stays as it is, and so do the parts of SD2's text encoder that no model uses: as in sd-scripts
 * (model_util.save_stable_diffusion_checkpoint), which for SDXL leaves all but the logit_scale out, marks of how the model
 * predicts included; `compat` does so too.
 */
export function checkpointTensors(
  model: SavedModel,
  changed: ChangedTensors,
  precision: SavePrecision | null,
  compat = false,
): TensorToWrite[] {
  const isUnused = unusedKeys(model), isLeftOut = compat && model.family.strict;
  const own = [...model.places].map(([name, place]) =>
    savedTensor(name, place, changed, isUnused(name) ? null : precision)
  );
  const rest = [...model.rest].filter(([name]) => !isLeftOut || isScale(name))
    .map(([name, place]) =>
      savedTensor(name, place, NOTHING_CHANGED, model.family.strict && isScale(name) ? precision : null)
    );
  return [...own, ...rest];
}

const isScale = (name: string) => name.endsWith(".logit_scale");

/** One tensor as it is written. */
export function savedTensor(
  name: string,
  { file, key, shape }: Place,
  changed: ChangedTensors,
  precision: SavePrecision | null,
): TensorToWrite {
  const stored = file.info(key).dtype;
  if (!changed.has(name) && (precision === null || saveDtypeOf(precision) === stored)) {
    return { name, dtype: stored, shape, copied: true, data: () => file.bytes(key) };
  }
  const dtype = precision ? saveDtypeOf(precision) : changedDtype(stored);
  return { name, dtype, shape, data: () => toDtype(changed.get(name) ?? file.f32(key), dtype) };
}

/** Whether a key is of SD2's last layer or of its projection: in the checkpoint, but in no model. */
function unusedKeys({ family, shapes }: SavedModel): (key: string) => boolean {
  const unused = family.textEncoders.flatMap(({ scope, usedLayers }) => {
    const { layers } = clipConfig(below(shapes, `${scope}.`))!, used = usedLayers(layers);
    const more = Array.from(
      { length: layers - used },
      (_, i) => `${scope}.transformer.resblocks.${used + i}.`,
    );
    return family.text.pooled ? more : [...more, `${scope}.text_projection`];
  });
  return (key) => unused.some((place) => key.startsWith(place));
}

/**
 * What the checkpoint of an open_clip encoder has that a Diffusers folder leaves away and that no model uses, as
 * sd-scripts makes it: a projection of ones and a scale of 1. That scale is a number of weights; with `compat` and no
 * precision it is the integer that torch.tensor(1) is.
 */
export function placeholders(
  model: SavedModel,
  precision: SavePrecision | null,
  { width, compat = false }: { readonly width?: number; readonly compat?: boolean } = {},
): TensorToWrite[] {
  const encoder = model.family.textEncoders.find(({ layout }) => layout === "open_clip");
  if (!encoder || model.places.has(`${encoder.scope}.text_projection`)) return [];
  const side = width ?? clipConfig(below(model.shapes, `${encoder.scope}.`))!.width;
  const dtype = saveDtypeOf(precision ?? "float");
  const ones = (name: string, shape: number[]): TensorToWrite => ({
    name: `${encoder.scope}.${name}`,
    dtype,
    shape,
    data: () => toDtype(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), dtype),
  });
  const scale = ones("logit_scale", []), integer = new Uint8Array(BigInt64Array.of(1n).buffer);
  return [
    ones("text_projection", [side, side]),
    compat && precision === null ? { ...scale, dtype: "I64", data: integer } : scale,
  ];
}
