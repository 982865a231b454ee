import { type DType, DTYPES } from "../../base/dtype.ts";
import { type Op, record, type Tensor } from "../graph.ts";

/** cast(x; dtype): rounds to nearest even. `dtype` is the index in DTYPES. */
export const castOp: Op = {
  name: "cast",
  attrs: ["dtype"],
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype: DTYPES[dtype] }],
  grad: ([dy], node) => [dy && cast(dy, node.inputs[0].dtype)],
};

/** x as another dtype; x itself when it already has it. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : record(castOp, [x], { dtype: DTYPES.indexOf(dtype) });
}
