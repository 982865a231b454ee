/** The modules of a plain LoRA as a file's tensors, under whose keys is asked for. */

import type { TensorToWrite } from "../../formats/safetensors.ts";
import { DOWN, keysOf, UP } from "../kinds/lora.ts";
import type { Dialect } from "../options.ts";
import type { Target } from "../sites/targets.ts";
import { dialectPlace, DIFFUSERS_SUFFIXES } from "./dialects.ts";
import { encode } from "./save.ts";

export interface FactorPair {
  readonly name: string;
  readonly alpha: number;
  /** Written as an integer, as PyTorch does with one. */
  readonly integerAlpha?: boolean;
  /** [rank, in] or [rank, in, kernel, kernel]. */
  readonly downShape: readonly number[];
  readonly upShape: readonly number[];
  readonly down: Float32Array;
  readonly up: Float32Array;
}

/** A file's keys for a module. */
export interface PairKeys {
  readonly down: string;
  readonly up: string;
  /** Absent where a file has none. */
  readonly alpha?: string;
  /** lora_up carries alpha / rank. */
  readonly scaled?: boolean;
}

export function pairTensors(
  pair: FactorPair,
  dtype: "F32" | "F16" | "BF16",
  keys: PairKeys,
): TensorToWrite[] {
  const { alpha, integerAlpha, downShape, upShape, down, up } = pair,
    scale = keys.scaled ? alpha / downShape[0] : 1;
  const one = integerAlpha
    ? { dtype: "I64", data: new Uint8Array(BigInt64Array.of(BigInt(alpha)).buffer) }
    : { dtype, data: encode(Float32Array.of(alpha), dtype) };
  return [
    ...keys.alpha === undefined ? [] : [{ name: keys.alpha, shape: [], ...one }],
    { name: keys.down, dtype, shape: downShape, data: () => encode(down, dtype) },
    {
      ...{ name: keys.up, dtype, shape: upShape },
      data: () => encode(scale === 1 ? up : up.map((v) => v * scale), dtype),
    },
  ];
}

/** A dialect's keys by sd-scripts' names of modules; `targets` are asked for those of others. */
export function pairKeys(dialect: Dialect, targets: readonly Target[]): (name: string) => PairKeys {
  if (dialect === "kohya") return (name) => keysOf({ name });
  const byName = new Map(
    targets.flatMap((t) => [t.name, ...t.alias ? [t.alias] : []].map((name) => [name, t])),
  );
  return (name) => {
    const target = byName.get(name);
    if (!target) throw new TypeError(`${name} is no layer of the model`);
    const place = dialectPlace(dialect, target);
    if (dialect === "comfy") return keysOf({ name: place });
    const { [DOWN]: down, [UP]: up } = DIFFUSERS_SUFFIXES;
    return { down: `${place}.${down}`, up: `${place}.${up}`, scaled: true };
  };
}
