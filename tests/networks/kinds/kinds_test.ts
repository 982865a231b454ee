/** Every kind of network against its published formula in float64. */

import type { KindSettings, NetworkKind } from "../../../src/networks/kinds/kind.ts";
import { dylora } from "../../../src/networks/kinds/dylora.ts";
import { DOWN, lora, UP } from "../../../src/networks/kinds/lora.ts";
import { BLOCKS, oft } from "../../../src/networks/kinds/oft.ts";
import type { LoraModule } from "../../../src/networks/mod.ts";
import { loraModule } from "../../../src/networks/sites/modules.ts";
import { floatAlpha } from "../../../src/networks/sites/values.ts";
import {
  checkKind,
  type KindCase,
  type Numbers,
  product,
  scaleOf,
  times,
  type Values,
} from "./check_kind.ts";

const LINEAR = [8, 6], WIDE = [12, 6], POINT = [8, 4, 1, 1], KERNEL = [8, 4, 3, 3];

function module(
  kind: NetworkKind,
  shape: readonly number[],
  rank: number,
  settings: KindSettings = {},
  name = "lora_unet_layer",
  alpha = 3,
): LoraModule {
  return loraModule({ name, path: "layer", part: "unet", shape }, rank, floatAlpha(alpha), kind, settings);
}

/** alpha / rank * up down (arXiv 2106.09685, section 4.1). */
function loraChange({ [DOWN]: down, [UP]: up }: Values, _: Numbers, m: LoraModule): Numbers {
  return times(product(up, down, m.rank), scaleOf(m));
}

/** Rows of units one behind the other: the same product (arXiv 2210.07558, equation 3, with all ranks). */
function dyloraChange(values: Values, _: Numbers, m: LoraModule): Numbers {
  const units = Object.keys(values).length / 2, unit = m.rank / units;
  const sum = new Float64Array(m.shape.reduce((a, d) => a * d, 1));
  for (let u = 0; u < units; u++) {
    product(values[`lora_B.${u}`], values[`lora_A.${u}`], unit).forEach((v, i) => sum[i] += v);
  }
  return times(sum, scaleOf(m));
}

/** Gauss-Jordan with the largest pivot. */
export function inverse(m: Numbers, n: number): Numbers {
  const a = Array.from({ length: n }, (_, i) => [...m.subarray(i * n, (i + 1) * n), ...eye(n)[i]]);
  for (let c = 0; c < n; c++) {
    const pivot = a.slice(c).reduce(
      (best, row, i) => Math.abs(row[c]) > Math.abs(a[best][c]) ? c + i : best,
      c,
    );
    [a[c], a[pivot]] = [a[pivot], a[c]];
    a[c] = a[c].map((v) => v / a[c][c]);
    a.forEach((row, r) => {
      if (r !== c) a[r] = row.map((v, i) => v - row[c] * a[c][i]);
    });
  }
  return Float64Array.from(a.flatMap((row) => row.slice(n)));
}

const eye = (n: number) =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => i === j ? 1 : 0));

/** (R^T - I) W block by block, R = (I + Q)(I - Q)^-1 (arXiv 2306.07280, equation 4; networks/oft.py get_weight). */
function oftChange({ [BLOCKS]: blocks }: Values, base: Numbers, m: LoraModule): Numbers {
  const [count, n] = m.tensors[BLOCKS], width = base.length / m.shape[0];
  const q = blocks.map((v, i) => {
    const at = Math.floor(i / (n * n)) * n * n, [r, c] = [Math.floor(i % (n * n) / n), i % n];
    return v - blocks[at + c * n + r];
  });
  const norm = Math.sqrt(q.reduce((s, v) => s + v * v, 0)), most = m.alpha.value * m.shape[0];
  const own = m.name.startsWith("oft_");
  const ratio = own
    ? (Math.min(norm, most) + 1e-8) / (norm + 1e-8)
    : most > 0
    ? Math.min(1, most / (norm + 1e-8))
    : 1;
  const change = new Float64Array(base.length);
  for (let k = 0; k < count; k++) {
    const block = times(q.subarray(k * n * n, (k + 1) * n * n), ratio), flat = eye(n).flat();
    const r = product(block.map((v, i) => flat[i] + v), inverse(block.map((v, i) => flat[i] - v), n), n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const turn = r[i * n + j] - flat[i * n + j];
        for (let x = 0; x < width; x++) {
          change[(k * n + j) * width + x] += turn * base[(k * n + i) * width + x];
        }
      }
    }
  }
  return change;
}

const CASES: Readonly<Record<string, KindCase>> = {
  "LoRA of a linear layer": { module: module(lora, LINEAR, 2), change: loraChange },
  "LoRA of a 1x1 convolution": { module: module(lora, POINT, 2), change: loraChange },
  "LoRA of a convolution with stride": { module: module(lora, KERNEL, 3), change: loraChange, stride: 2 },
  "DyLoRA by units": { module: module(dylora, LINEAR, 4, { unit: 2 }), change: dyloraChange },
  "DyLoRA of a convolution": { module: module(dylora, KERNEL, 3, { unit: 1 }), change: dyloraChange },
  "OFT as sd-scripts has it": { module: module(oft, WIDE, 3, {}, "oft_unet_layer", 0.3), change: oftChange },
  "OFT within its constraint": {
    module: module(oft, WIDE, 3, {}, "oft_unet_layer", 0.05),
    change: oftChange,
  },
  "OFT of a convolution": { module: module(oft, KERNEL, 2, {}, "oft_unet_layer", 1), change: oftChange },
};

for (const [name, it] of Object.entries(CASES)) Deno.test(`${name} is its formula`, () => checkKind(it));
