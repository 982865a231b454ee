/**
 * DoRA (arXiv 2402.09353, equation 5) around another kind: W' = m (W + D) / ||W + D||, where m is trained and the norm is
 * that of each output's row, or of each input's column (LyCORIS's wd_on_output=False). As LyCORIS's
 * apply_weight_decompose at full strength; other strengths lie on the line between W and W'.
 */

import {
  add,
  affine,
  cast,
  div,
  elements,
  linear,
  matmul,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../graph/mod.ts";
import { UserError } from "../../base/errors.ts";
import type { Filed, KindSettings, ModuleTensors, NetworkKind, NetworkModule } from "./kind.ts";
import { through } from "./lora.ts";
import { flat, overChannels, withoutBias } from "./parts.ts";

export const MAGNITUDE = "dora_scale";

/** torch.finfo(float32).eps, which LyCORIS adds to the norms. */
const EPS = 2 ** -23;

const made = new Map<NetworkKind, NetworkKind>();

/** The kind with trained norms. */
export function doraOf(kind: NetworkKind): NetworkKind {
  const known = made.get(kind);
  if (known) return known;
  const dora = around(kind);
  made.set(kind, dora);
  return dora;
}

function around(kind: NetworkKind): NetworkKind {
  const plainScale = (m: NetworkModule) =>
    kind.scale ? kind.scale(m) : (m.computedAlpha ?? m.alpha).value / m.rank;
  const inner = (t: ModuleTensors): ModuleTensors => ({ ...t, module: { ...t.module, kind } });
  return {
    ...kind,
    name: `${kind.name} with DoRA`,
    marks: [],
    others: [MAGNITUDE],
    tensors: (target, size) => ({
      ...kind.tensors(target, size),
      [MAGNITUDE]: magnitudes(target.shape, size.settings),
    }),
    read(target, found, values) {
      const { [MAGNITUDE]: magnitude, ...rest } = found;
      const reading = kind.read(target, rest, values);
      if (!("rank" in reading)) return reading;
      const [out, inputs] = target.shape,
        onOutput = magnitude[0] === out || elements(magnitude) === out && out !== inputs;
      const settings = { ...reading.settings, onOutput }, wanted = magnitudes(target.shape, settings);
      if (elements(magnitude) !== elements(wanted)) return { misfit: MAGNITUDE, wanted };
      return { ...reading, tensors: { ...reading.tensors, [MAGNITUDE]: wanted }, settings };
    },
    initial(module, generator, base) {
      const { [MAGNITUDE]: shape } = module.tensors;
      return {
        ...kind.initial(module, generator, base),
        [MAGNITUDE]: norms(base, module.shape, shape[0] !== 1),
      };
    },
    scale: () => 1, // alpha / rank belongs to D alone
    dropsRows: true,
    output(plain, t, strength) {
      const scale = plainScale(t.module), z = withoutBias(plain), module = inner(t), { rows } = plain;
      const drop = (more: Tensor) => rows ? mul(more, overChannels(rows, more)) : more;
      const changed = drop(kind.output(plain, module, (h) => affine(h, scale, 0)));
      const weight = () => cast(flat(plain.weight()), "f32");
      if (onRows(t.module)) {
        const factor = ratios(t, rowSquares(float(module), weight(), kind, { scale, rows }));
        return strength(sub(mul(add(z, changed), overChannels(factor, z)), z));
      }
      const whole = changedWeight(float(module), weight(), kind, { scale, rows });
      const x = mul(plain.x, overChannels(ratios(t, columnSquares(whole, t.module)), plain.x));
      const y = through(x, reshape(cast(whole, x.dtype), t.module.shape), plain.layer);
      return strength(sub(y, z));
    },
    delta(t, base) {
      const weight = base(), scale = plainScale(t.module), { shape } = t.module;
      const whole = changedWeight(inner(t), weight, kind, { scale });
      const factor = ratios(t, onRows(t.module) ? sum(square(whole), [1]) : columnSquares(whole, t.module));
      if (onRows(t.module)) return sub(mul(whole, reshape(factor, [shape[0], 1])), weight);
      const pixels = weight.shape[1] / shape[1], apart = reshape(whole, [shape[0], shape[1], pixels]);
      return sub(reshape(mul(apart, reshape(factor, [1, shape[1], 1])), weight.shape), weight);
    },
    factors: undefined,
    biasDelta: undefined,
    // of D alone, as LyCORIS has it
    norm: kind.norm && {
      ...kind.norm,
      square: (t) => affine(kind.norm!.square(inner(t)), plainScale(t.module) ** 2, 0),
    },
    filed: kind.filed && filedAround(kind, kind.filed),
  };
}

/** The file's form of what is inside, with the norms as they are. */
function filedAround(kind: NetworkKind, filed: Filed): Filed {
  const inside =
    (convert: Filed["pack"]): Filed["pack"] => (module, { [MAGNITUDE]: magnitude, ...values }) => ({
      ...convert({ ...module, kind }, values),
      [MAGNITUDE]: magnitude,
    });
  return { kind: doraOf(filed.kind), pack: inside(filed.pack), unpack: inside(filed.unpack) };
}

/** Modules are read in float32 where norms are made of them. */
function float(t: ModuleTensors): ModuleTensors {
  return { ...t, at: (suffix) => cast(t.at(suffix), "f32") };
}

function onRows({ tensors: { [MAGNITUDE]: [rows] } }: NetworkModule): boolean {
  return rows !== 1;
}

function magnitudes([out, inputs, ...kernel]: readonly number[], settings?: KindSettings): number[] {
  const one = kernel.map(() => 1);
  return settings?.onOutput === false ? [1, inputs, ...one] : [out, 1, ...one];
}

/** m / ||W + D||, one value an output or an input. */
function ratios(t: ModuleTensors, squares: Tensor): Tensor {
  const norms = affine(sqrt(squares), 1, EPS), flatNorms = reshape(norms, [elements(norms.shape)]);
  return div(reshape(cast(t.at(MAGNITUDE), "f32"), flatNorms.shape), flatNorms);
}

/** What D is multiplied by: alpha / rank, and one factor an output. */
interface Factors {
  readonly scale: number;
  readonly rows?: Tensor;
}

/** W + scale D, (out, in * height * width). */
function changedWeight(
  t: ModuleTensors,
  weight: Tensor,
  kind: NetworkKind,
  { scale, rows }: Factors,
): Tensor {
  const change = affine(kind.delta(t, () => weight), scale, 0);
  return add(weight, rows ? mul(change, reshape(rows, [rows.shape[0], 1])) : change);
}

/** Of each row of W + scale D: from the factors of D, where it has them, without D itself. */
function rowSquares(t: ModuleTensors, weight: Tensor, kind: NetworkKind, factors: Factors): Tensor {
  const [up, down] = kind.factors?.(t) ?? [], { scale, rows } = factors;
  if (!up || !down) return sum(square(changedWeight(t, weight, kind, factors)), [1]);
  const drop = (sums: Tensor, times: number) => {
    if (!rows) return sums;
    const each = reshape(rows, sums.shape);
    return times === 1 ? mul(sums, each) : mul(sums, square(each));
  };
  const cross = drop(sum(mul(up, linear(weight, down)), [1]), 1);
  const own = drop(sum(mul(up, matmul(up, matmul(down, down, { transB: true }))), [1]), 2);
  return add(sum(square(weight), [1]), add(affine(cross, 2 * scale, 0), affine(own, scale * scale, 0)));
}

function columnSquares(whole: Tensor, { shape: [out, inputs] }: NetworkModule): Tensor {
  return sum(square(reshape(whole, [out, inputs, whole.shape[1] / inputs])), [0, 2]);
}

/** ||W|| of each row or column: where training starts, nothing changes. */
function norms(base: () => Float32Array, [out, inputs]: readonly number[], rows: boolean): Float32Array {
  const weight = base(), width = weight.length / out, pixels = width / inputs;
  if (weight.length === 0) throw new UserError("DoRA starts from the model's weights, which are not there");
  const squares = new Float64Array(rows ? out : inputs);
  weight.forEach((w, i) => squares[rows ? Math.floor(i / width) : Math.floor(i % width / pixels)] += w * w);
  return Float32Array.from(squares, Math.sqrt);
}
