import { type DType, DTYPES } from "../../base/dtype.ts";
import { type Op, record, type Tensor } from "../graph.ts";

/** cast(x; dtype): rounds to nearest even. `dtype` is the index in DTYPES. */
export const castOp: Op = {
  name: "cast",
  attrs: ["dtype"],
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype: DTYPES[dtype] }],
  grad: ([dy], node) => [dy && cast(dy, node.inputs[0].dtype)],
};

/** Whether a product of `x` may read weights in float32 and round them itself: a CPU's may (CompileOptions.wideWeights). */
export const roundedAsRead = (weights: Tensor, x: Tensor) => weights.dtype === "f32" && x.dtype === "bf16";

/** x as another dtype; x itself when it already has it. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : record(castOp, [x], { dtype: DTYPES.indexOf(dtype) });
}
