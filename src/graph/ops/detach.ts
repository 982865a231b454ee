import { type Op, record, type Tensor } from "../graph.ts";

/** detach(x): x itself, through which no gradient flows. Nothing runs. */
const detachOp: Op = {
  name: "detach",
  attrs: [],
  alias: true,
  infer: ([x]) => [x],
  grad: () => [null],
};

/** x as a value that does not depend on what is trained. */
export function detach(x: Tensor): Tensor {
  return record(detachOp, [x]);
}
