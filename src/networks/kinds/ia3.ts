/** (IA)^3 (arXiv 2205.05638, section 3.3), as LyCORIS's modules/ia3.py: outputs, or inputs, of a layer times 1 + weight. */

import { elements, mul, reshape, type Tensor } from "../../graph/mod.ts";
import { wholeAlpha } from "../sites/values.ts";
import type { NetworkKind } from "./kind.ts";
import { through } from "./lora.ts";
import { overChannels, withoutBias } from "./parts.ts";
import { readAs } from "./reading.ts";

const WEIGHT = "weight", ON_INPUT = "on_input";

export const ia3: NetworkKind = {
  name: "IA3",
  marks: [ON_INPUT],
  others: [WEIGHT],
  tensors({ shape: [out, inputs, ...kernel] }, { settings }) {
    const count = settings?.onInput ? inputs : out;
    return { [WEIGHT]: kernel.length ? [1, count, ...kernel.map(() => 1)] : [count] };
  },
  read(target, found, values) {
    const settings = { onInput: values(ON_INPUT)[0] !== 0 };
    const reading = readAs(ia3.tensors(target, { rank: 1, alpha: wholeAlpha(1), settings }), found, 1);
    return "rank" in reading ? { ...reading, settings } : reading;
  },
  initial: ({ tensors: { [WEIGHT]: shape } }) => ({ [WEIGHT]: new Float32Array(elements(shape)) }),
  scale: () => 1,
  constants: ({ settings }) => ({ [ON_INPUT]: wholeAlpha(settings?.onInput ? 1 : 0) }),
  output(plain, t, strength) {
    const { x, layer } = plain, weight = t.at(WEIGHT);
    if (t.module.settings?.onInput) {
      return strength(through(mul(x, overChannels(weight, x)), plain.weight(), layer));
    }
    const z = withoutBias(plain);
    return strength(mul(z, overChannels(weight, z)));
  },
  delta(t, base) {
    const w = base(), [out, inputs] = t.module.shape, weight = t.at(WEIGHT);
    if (!t.module.settings?.onInput) return mul(w, reshape(weight, [out, 1]));
    return reshape(
      mul(reshape(w, [out, inputs, pixels(w, inputs)]), reshape(weight, [1, inputs, 1])),
      w.shape,
    );
  },
};

const pixels = (w: Tensor, inputs: number) => w.shape[1] / inputs;
