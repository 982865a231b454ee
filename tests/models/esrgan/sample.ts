/** Synthetic networks that enlarge pictures, as files. */

import { type TensorToWrite, writeSafetensors } from "../../../src/formats/mod.ts";
import { synthTensor } from "../../golden/synth.ts";

export interface Recorded {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly size: number;
  readonly every: readonly number[];
  readonly mean: number;
}

export const RECORDED: Readonly<Record<string, Recorded>> = JSON.parse(
  Deno.readTextFileSync(new URL("./reference.json", import.meta.url)),
);

export function writeSynthEsrgan(path: string, shapes = RECORDED["ESRGAN x4"].shapes, prefix = ""): void {
  const tensors = Object.entries(shapes).map(([name, shape]): TensorToWrite => ({
    ...{ name: prefix + name, dtype: "F32", shape: [...shape] },
    data: () => new Uint8Array(synthTensor(name, shape).buffer as ArrayBuffer),
  }));
  writeSafetensors(path, tensors, {});
}
