/** The .npz files that tools write, against what a case says of them. */

import { i64Array, listNpz, type NpzArray, readNpz, writeNpz } from "../../../src/formats/npz.ts";
import { toF32 } from "../../../src/formats/tensor_file.ts";
import { writeSafetensors } from "../../../src/formats/mod.ts";
import type { Check } from "../case.ts";
import { exact } from "../compare.ts";
import { synthTensor } from "../synth.ts";
import { caseModel } from "../synth_models.ts";

const NUMPY: Readonly<Record<string, string>> = {
  F32: "float32",
  F64: "float64",
  I64: "int64",
  F16: "float16",
};

export interface WantedArray {
  readonly dtype: string;
  readonly shape: number[];
  readonly value?: number[];
}

/** Names, types, shapes, and values where the case gives them. */
export function checkArrays(file: string, wanted: Record<string, WantedArray>): Check[] {
  const arrays = readNpz(file);
  return [
    exact(`${file}: names`, [...listNpz(file)].sort(), Object.keys(wanted).sort()),
    ...Object.entries(wanted).flatMap(([name, { dtype, shape, value }]) => {
      const found = arrays.get(name);
      if (!found) return [];
      const kind = exact(`${file}: ${name}`, [NUMPY[found.dtype] ?? found.dtype, found.shape], [
        dtype,
        shape,
      ]);
      return value ? [kind, exact(`${file}: ${name}`, numbers(found), value)] : [kind];
    }),
  ];
}

export function arrayOf(file: string, name: string): Float32Array {
  const { dtype, data } = readNpz(file).get(name)!;
  return toF32(dtype, data);
}

function numbers({ dtype, data }: NpzArray): number[] {
  const { buffer } = data.slice();
  return dtype === "I64" ? [...new BigInt64Array(buffer)].map(Number) : [...new Float64Array(buffer)];
}

/** Files that are there before the tool runs: zeros of the shapes that the case names. */
export function writeArrays(file: string, given: Record<string, WantedArray>): void {
  writeNpz(
    file,
    Object.fromEntries(
      Object.entries(given).map(([name, { dtype, shape, value }]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        if (dtype === "int64") return [name, i64Array(value ?? new Array(count).fill(0))];
        return [name, { dtype: "F32", shape, data: new Uint8Array(count * 4) }];
      }),
    ),
  );
}

/** All below `folder` by name, paths from the current folder. */
export function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  ).sort();
}

/** Writes a synthetic model, or the part of it below `scope`. */
export function writeSynthModel(path: string, model: string, scope = ""): void {
  const shapes = [...caseModel({ model }).shapes].filter(([key]) => key.startsWith(scope));
  writeSafetensors(
    path,
    shapes.map(([name, shape]) => ({
      ...{ name, dtype: "F32", shape: [...shape] },
      data: () => new Uint8Array(synthTensor(name, shape).buffer),
    })),
    {},
  );
}
