/** Checkpoints as people share them: keys with something in front, and U-Nets of which only the average was kept. */

import type { TensorFile } from "../../formats/tensor_file.ts";
import { UNET } from "../families/family.ts";
import { unetShapes } from "../unet/mod.ts";
import { asItIs, type Sources, TensorView } from "./tensor_view.ts";
import { unetAlone } from "./unet.ts";

const FIRST = `${UNET}.input_blocks.0.0.weight`;

/** How Lightning calls its running average: the key without "model." and without dots. */
const AVERAGE = "model_ema.diffusion_model";

/** The file itself where its keys are those of an original checkpoint, or else a view of it where they are. */
export function withOriginalKeys(file: TensorFile): TensorFile {
  const keys = file.keys();
  if (file.has(FIRST)) return file;
  const outer = keys.find((key) => key.endsWith(`.${FIRST}`))?.slice(0, -FIRST.length);
  if (outer !== undefined) return view(file, (key) => key.startsWith(outer) ? key.slice(outer.length) : key);
  const alone = unetAlone(file);
  if (alone) return new TensorView(file.path, alone, [file]);
  if (!keys.some((key) => key.startsWith(AVERAGE))) return file;
  const names = averageNames();
  return view(file, (key) => names.get(key) ?? key);
}

function view(file: TensorFile, name: (key: string) => string): TensorFile {
  const sources: Sources = new Map(file.keys().map((key) => [name(key), asItIs(file, key)]));
  return new TensorView(file.path, sources, [file]);
}

/** Keys of the average -> original keys, for the U-Nets of all families. */
function averageNames(): Map<string, string> {
  const numbers = { inChannels: 4, outChannels: 4, resBlocks: 2, contextWidth: 1 };
  const deep = unetShapes({
    ...numbers,
    ...{ channels: [1, 2, 4], depths: [0, 2, 10], middleDepth: 10, linearProjection: true, vectorWidth: 1 },
  });
  const wide = unetShapes({
    ...numbers,
    ...{
      channels: [1, 2, 4, 4],
      depths: [1, 1, 1, 0],
      middleDepth: 1,
      linearProjection: false,
      vectorWidth: 0,
    },
  });
  return new Map(
    [...deep.keys(), ...wide.keys()].map((key) => [`${AVERAGE}${key.replaceAll(".", "")}`, `${UNET}.${key}`]),
  );
}
