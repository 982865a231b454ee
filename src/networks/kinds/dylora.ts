/**
 * DyLoRA (arXiv 2210.07558), as sd-scripts' networks/dylora.py: a LoRA of which each batch trains only some ranks,
 * drawn anew for every layer, so that it can be cut to lower ranks afterwards. In a file it is a LoRA.
 */

import { UsageError } from "../../base/errors.ts";
import {
  add,
  cast,
  concat,
  detach,
  elements,
  linear,
  mul,
  reshape,
  type Shape,
  sub,
  type Tensor,
} from "../../graph/mod.ts";
import { kaimingUniform } from "./first_weights.ts";
import type { ModuleTensors, NetworkKind, NetworkModule } from "./kind.ts";
import { DOWN, lora, through, UP } from "./lora.ts";
import { overChannels } from "./parts.ts";
import { joined } from "../../base/joined.ts";

/** Ranks that are trained together, rows of lora_down and columns of lora_up. */
const A = (unit: number) => `lora_A.${unit}`, B = (unit: number) => `lora_B.${unit}`;

export const dylora: NetworkKind = {
  ...lora,
  name: "DyLoRA",
  marks: [],
  tensors(target, size) {
    const { [DOWN]: [rank, ...inputs], [UP]: [out, , ...kernel] } = lora.tensors(target, size);
    const { unit = 1 } = size.settings ?? {};
    if (rank % unit !== 0) {
      throw new UsageError(
        `--network_args unit=${unit}: ${target.name} has rank ${rank}, which is no multiple of it`,
      );
    }
    const units = Array.from({ length: rank / unit }, (_, i) => i);
    return Object.fromEntries([
      ...units.map((i) => [A(i), [unit, ...inputs]]),
      ...units.map((i) => [B(i), [out, unit, ...kernel]]),
    ]);
  },
  initial({ tensors }, generator) {
    // a rank is a parameter of its own and drawn by itself
    const rows = ([unit, ...inputs]: Shape) =>
      joined(Float32Array, Array.from({ length: unit }, () => kaimingUniform([1, ...inputs], generator)));
    return Object.fromEntries(
      Object.entries(tensors).map((
        [suffix, shape],
      ) => [suffix, suffix.startsWith("lora_A") ? rows(shape) : new Float32Array(elements(shape))]),
    );
  },
  output({ x, layer, draw }, t, strength) {
    const { module } = t, graph = x.graph;
    let [down, up] = whole(t);
    const { rank, units } = sizes(module), unit = rank / units;
    let h: Tensor;
    if (draw) {
      let first = 0;
      const reached = draw("ranks", ({ python }) => {
        const drawn = module.settings?.cut
          ? python.randint(0, units - 1) * unit
          : python.randint(0, rank - 1);
        first = drawn - drawn % unit;
        return Float32Array.from({ length: rank }, (_, r) => r >= first && r < first + unit ? 1 : 0);
      });
      // the paper divides by the ranks in use, sd-scripts by their root and that of all
      const larger = draw("rank_scale", () => {
        const ratio = rank / (first + unit);
        return module.settings?.cut
          ? Float32Array.from({ length: rank }, (_, r) => r < first + unit ? ratio : 0)
          : new Float32Array(rank).fill(Math.sqrt(ratio));
      });
      const mask = graph.input(reached, [rank]);
      down = only(down, reshape(mask, [rank, ...down.shape.slice(1).map(() => 1)]));
      up = only(up, reshape(mask, [1, rank]));
      h = through(x, down, layer);
      h = mul(h, overChannels(graph.input(larger, [rank]), h));
    } else h = through(x, down, layer);
    return linear(strength(h), up);
  },
  delta(t) {
    const [down, up] = whole(t), [rank] = down.shape;
    return lora.delta(asLora(t, reshape(down, [rank, elements(down.shape) / rank]), up), () => up);
  },
  reaches: {
    part: unitOf,
    reached: ({ rank, tensors }, suffix, drawn) =>
      drawn("ranks")[Number(unitOf(suffix)) * rank / (Object.keys(tensors).length / 2)] === 1,
  },
  factors: undefined,
  scaled: undefined,
  plus: ["lora_B"],
  norm: undefined,
  filed: {
    kind: lora,
    pack(module, values) {
      const { rank, units } = sizes(module), unit = rank / units;
      const [out] = module.shape, up = new Float32Array(out * rank);
      for (let u = 0; u < units; u++) {
        values[B(u)].forEach((v, at) => up[Math.floor(at / unit) * rank + u * unit + at % unit] = v);
      }
      return { [DOWN]: joined(Float32Array, range(units).map((u) => values[A(u)])), [UP]: up };
    },
    unpack(module, { [DOWN]: down, [UP]: up }) {
      const { rank, units } = sizes(module), unit = rank / units, [out] = module.shape;
      const width = down.length / units;
      const column = (u: number) =>
        Float32Array.from(
          { length: out * unit },
          (_, at) => up[Math.floor(at / unit) * rank + u * unit + at % unit],
        );
      return Object.fromEntries([
        ...range(units).map((u) => [A(u), down.slice(u * width, (u + 1) * width)]),
        ...range(units).map((u) => [B(u), column(u)]),
      ]);
    },
  },
};

function unitOf(suffix: string): string {
  return suffix.slice(suffix.lastIndexOf(".") + 1);
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

function sizes({ rank, tensors }: NetworkModule): { rank: number; units: number } {
  return { rank, units: Object.keys(tensors).length / 2 };
}

/** lora_down (rank, in...) and lora_up (out, rank). */
function whole(t: ModuleTensors): [down: Tensor, up: Tensor] {
  const { units } = sizes(t.module);
  return [
    joinedTensors(range(units).map((u) => t.at(A(u))), 0),
    joinedTensors(
      range(units).map((u) => {
        const b = t.at(B(u));
        return reshape(b, b.shape.slice(0, 2));
      }),
      1,
    ),
  ];
}

/** concat takes 8 at a time. */
function joinedTensors(parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 1) return parts[0];
  const eights = Array.from(
    { length: Math.ceil(parts.length / 8) },
    (_, i) => parts.slice(8 * i, 8 * i + 8),
  );
  return joinedTensors(eights.map((some) => some.length === 1 ? some[0] : concat(some, axis)), axis);
}

/** x, of which only what the mask lets through gets a gradient. */
function only(x: Tensor, mask: Tensor): Tensor {
  const fixed = detach(x);
  return add(fixed, mul(sub(x, fixed), cast(mask, x.dtype)));
}

function asLora({ module }: ModuleTensors, down: Tensor, up: Tensor): ModuleTensors {
  return {
    module,
    has: (suffix) => suffix === DOWN || suffix === UP,
    at: (suffix) => suffix === DOWN ? down : up,
  };
}
