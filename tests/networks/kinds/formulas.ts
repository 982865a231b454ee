/** What each kind makes of a weight, in float64 and index by index, from the published formulas. */

import type { NetworkKind } from "../../../src/networks/kinds/kind.ts";
import { ROTATION } from "../../../src/networks/kinds/rotations/oft_inputs.ts";
import { DOWN, UP } from "../../../src/networks/kinds/lora.ts";
import { BLOCKS } from "../../../src/networks/kinds/rotations/oft.ts";
import { type NetworkModule, scaleOf } from "../../../src/networks/mod.ts";
import { type KindCase, type Numbers, product, times, type Values } from "./check_kind.ts";

/** alpha / rank * up down (arXiv 2106.09685, section 4.1). */
export function loraChange({ [DOWN]: down, [UP]: up }: Values, _: Numbers, m: NetworkModule): Numbers {
  return times(product(up, down, m.rank), scaleOf(m));
}

/** Rows of units one behind the other: the same product (arXiv 2210.07558, equation 3, with all ranks). */
export function dyloraChange(values: Values, _: Numbers, m: NetworkModule): Numbers {
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
export function oftChange({ [BLOCKS]: blocks }: Values, base: Numbers, m: NetworkModule): Numbers {
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

/** (A1 B1) * (A2 B2) element by element (arXiv 2108.06098, proposition 1); with Tucker's cores A^T (T B). */
export function lohaChange(values: Values, _: Numbers, m: NetworkModule): Numbers {
  const side = (s: number) =>
    whole(
      values[`hada_w${s}_a`],
      values[`hada_w${s}_b`],
      values[`hada_t${s}`],
      m.rank,
      !!values[`hada_t${s}`],
    );
  const [a, b] = [side(1), side(2)];
  return times(a.map((v, i) => v * b[i]), scaleOf(m));
}

/** a b; with a core (r, r, kernel): sum over i and j of a[i, out] core[i, j, kernel] b[j, in]. */
function whole(a: Numbers, b: Numbers, core: Numbers | undefined, r: number, turned: boolean): Numbers {
  if (!core) return product(a, b, r);
  const out = a.length / r, inputs = b.length / r, kernel = core.length / (r * r);
  const sum = new Float64Array(out * inputs * kernel);
  for (let o = 0; o < out; o++) {
    for (let x = 0; x < inputs; x++) {
      for (let k = 0; k < kernel; k++) {
        for (let i = 0; i < r; i++) {
          for (let j = 0; j < r; j++) {
            const left = turned ? a[i * out + o] : a[o * r + i];
            sum[(o * inputs + x) * kernel + k] += left * core[(i * r + j) * kernel + k] * b[j * inputs + x];
          }
        }
      }
    }
  }
  return sum;
}

export function tuckerChange(values: Values, _: Numbers, m: NetworkModule): Numbers {
  return times(whole(values[UP], values[DOWN], values["lora_mid.weight"], m.rank, false), scaleOf(m));
}

/** w1 (x) w2, numpy.kron (arXiv 2309.14859, section 3.3). */
export function lokrChange(values: Values, _: Numbers, m: NetworkModule): Numbers {
  const [out, inputs] = m.shape, r = m.rank;
  const w1 = values.lokr_w1 ?? product(values.lokr_w1_a, values.lokr_w1_b, r);
  const w2 = values.lokr_w2 ?? whole(values.lokr_w2_a, values.lokr_w2_b, values.lokr_t2, r, !!values.lokr_t2);
  const c = m.tensors.lokr_w1?.[1] ?? m.tensors.lokr_w1_b[1], a = w1.length / c;
  const [b, d] = [out / a, inputs / c], kernel = w2.length / (b * d);
  const change = new Float64Array(out * inputs * kernel);
  for (let i = 0; i < change.length; i++) {
    const [o, x, k] = [Math.floor(i / (inputs * kernel)), Math.floor(i / kernel) % inputs, i % kernel];
    const [p, q] = [Math.floor(o / b), Math.floor(x / d)];
    change[i] = w1[p * c + q] * w2[((o % b) * d + x % d) * kernel + k];
  }
  return times(change, scaleOf(m));
}

/** W times 1 + w, by output or input (arXiv 2205.05638). */
export function ia3Change({ weight }: Values, base: Numbers, m: NetworkModule): Numbers {
  const [out, inputs] = m.shape, width = base.length / out, kernel = width / inputs;
  return base.map((w, i) =>
    w * weight[m.settings?.onInput ? Math.floor(i / kernel) % inputs : Math.floor(i / width)]
  );
}

/** W a1 a2 over the inputs, and b1 b2 (arXiv 2306.07967). */
export function gloraChange(values: Values, base: Numbers, m: NetworkModule): Numbers {
  const [out, inputs] = m.shape, kernel = base.length / (out * inputs);
  const a = product(values["a1.weight"], values["a2.weight"], m.rank);
  const change = values["bm.weight"]
    ? whole(values["b1.weight"], values["b2.weight"], values["bm.weight"], m.rank, false)
    : product(values["b1.weight"], values["b2.weight"], m.rank);
  for (let i = 0; i < base.length; i++) {
    const [row, from, k] = [Math.floor(i / (inputs * kernel)), Math.floor(i / kernel) % inputs, i % kernel];
    for (let to = 0; to < inputs; to++) {
      change[(row * inputs + to) * kernel + k] += base[i] * a[from * inputs + to];
    }
  }
  return times(change, scaleOf(m));
}

/** Rotations of LyCORIS's functional/boft.py diff_weight, index by index. */
export function boftChange(values: Values, base: Numbers, m: NetworkModule): Numbers {
  const [stages, count, n] = m.tensors[BLOCKS], out = m.shape[0], width = base.length / out;
  const q = values[BLOCKS].map((v, i) => {
    const at = Math.floor(i / (n * n)) * n * n, [r, c] = [Math.floor(i % (n * n) / n), i % n];
    return v - values[BLOCKS][at + c * n + r];
  });
  const flat = eye(n).flat();
  let w = base.slice();
  for (let s = 0; s < stages; s++) {
    const k = 2 ** s * n / 2, next = new Float64Array(base.length);
    // position (c, g, j) of (.., 2, k) is taken as (c, j, g)
    const order = Array.from({ length: out }, (_, p) => {
      const [c, j, g] = [Math.floor(p / (2 * k)), Math.floor(p % (2 * k) / 2), p % 2];
      return c * 2 * k + g * k + j;
    });
    for (let b = 0; b < count; b++) {
      const block = q.subarray((s * count + b) * n * n, (s * count + b + 1) * n * n);
      const r = product(block.map((v, i) => flat[i] + v), inverse(block.map((v, i) => flat[i] - v), n), n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const [to, from] = [order[b * n + i], order[b * n + j]];
          for (let x = 0; x < width; x++) next[to * width + x] += r[i * n + j] * w[from * width + x];
        }
      }
    }
    w = next;
  }
  const { rescale } = values;
  return w.map((v, i) => v * (rescale ? rescale[Math.floor(i / width)] : 1) - base[i]);
}

/** m (W + D) / ||W + D|| - W, by row or column (arXiv 2402.09353, equation 5). */
export function doraChange(inner: KindCase["change"]): KindCase["change"] {
  return (values, base, m) => {
    const { dora_scale: scale } = values,
      [out, inputs] = m.shape,
      width = base.length / out,
      kernel = width / inputs;
    const changed = inner(values, base, m);
    const whole = base.map((w, i) => w + changed[i]);
    const at = (i: number) =>
      m.tensors.dora_scale[0] !== 1 ? Math.floor(i / width) : Math.floor(i / kernel) % inputs;
    const squares = new Float64Array(scale.length);
    whole.forEach((w, i) => squares[at(i)] += w * w);
    return whole.map((w, i) => w * scale[at(i)] / (Math.sqrt(squares[at(i)]) + 2 ** -23) - base[i]);
  };
}

/** alpha / rank of the kind that DoRA is around. */
export const within =
  (change: KindCase["change"], kind: NetworkKind): KindCase["change"] => (values, base, m) =>
    change(values, base, { ...m, kind });

/** W (R - I)^T block by block (peft/tuners/oft/layer.py, Linear.merge). */
export function turnedInputs({ [ROTATION]: turn }: Values, base: Numbers, m: NetworkModule): Numbers {
  const [out, inputs] = m.shape, [, n] = m.tensors[ROTATION], change = new Float64Array(out * inputs);
  for (let i = 0; i < change.length; i++) {
    const o = Math.floor(i / inputs), to = i % inputs, block = Math.floor(to / n);
    for (let k = 0; k < n; k++) {
      change[i] += base[o * inputs + block * n + k] * turn[(block * n + to % n) * n + k];
    }
  }
  return change;
}
