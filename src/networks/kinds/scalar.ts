/** LyCORIS's use_scalar around another kind: one trained factor, starting at 0, which files hold multiplied in. */

import { mul, reshape } from "../../graph/mod.ts";
import type { ModuleTensors, NetworkKind } from "./kind.ts";

const SCALAR = "scalar";

const made = new Map<NetworkKind, NetworkKind>();

export function scalarOf(kind: NetworkKind): NetworkKind {
  const known = made.get(kind);
  if (known) return known;
  const inner = (t: ModuleTensors): ModuleTensors => ({
    module: { ...t.module, kind },
    has: t.has,
    at: (suffix) => {
      const tensor = t.at(suffix);
      if (!kind.scaled?.includes(suffix)) return tensor;
      const factor = t.at(SCALAR);
      return mul(tensor, reshape(factor, tensor.shape.map(() => 1)));
    },
  });
  const { factors, norm, scaled = [] } = kind;
  const around: NetworkKind = {
    ...kind,
    marks: [],
    tensors: (target, size) => ({ ...kind.tensors(target, size), [SCALAR]: [1] }),
    initial: (module, generator, base) => ({
      ...kind.initial(module, generator, base),
      [SCALAR]: Float32Array.of(0),
    }),
    output: (plain, t, strength) => kind.output(plain, inner(t), strength),
    delta: (t, base) => kind.delta(inner(t), base),
    factors: factors && ((t) => factors(inner(t))),
    norm: norm && { square: (t) => norm.square(inner(t)), factors: [SCALAR] },
    filed: {
      kind,
      pack: (_, { [SCALAR]: scalar, ...values }) =>
        Object.fromEntries(
          Object.entries(values).map(([s, v]) => [s, scaled.includes(s) ? v.map((x) => x * scalar[0]) : v]),
        ),
      unpack: (_, values) => ({ ...values, [SCALAR]: Float32Array.of(1) }),
    },
  };
  made.set(kind, around);
  return around;
}
