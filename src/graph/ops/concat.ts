import { expect, type Op, record, type Tensor } from "../graph.ts";
import { slice } from "./slice.ts";

/** concat(a, b, ...; axis): joined along one axis; at most 8 operands. */
export const concatOp: Op = {
  name: "concat",
  attrs: ["axis"],
  infer(inputs, { axis }) {
    const [first] = inputs;
    expect(inputs.length <= 8, "concat", inputs, "takes at most 8 operands");
    expect(
      inputs.every((t) =>
        t.dtype === first.dtype && t.shape.every((d, i) => i === axis || d === first.shape[i])
      ),
      "concat",
      inputs,
      `operands differ outside axis ${axis}`,
    );
    return [{
      shape: first.shape.with(axis, inputs.reduce((n, t) => n + t.shape[axis], 0)),
      dtype: first.dtype,
    }];
  },
  grad([dy], node) {
    const { axis } = node.attrs;
    let start = 0;
    return node.inputs.map((t) => {
      const part = dy && slice(dy, axis, start, t.shape[axis]);
      start += t.shape[axis];
      return part;
    });
  },
};

/** The operands joined along `axis`. */
export function concat(inputs: readonly Tensor[], axis: number): Tensor {
  return inputs.length === 1 ? inputs[0] : record(concatOp, inputs, { axis });
}
