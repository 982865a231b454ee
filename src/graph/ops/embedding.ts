import { elements, expect, type Op, record, type Tensor } from "../graph.ts";

/** embedding(table (V, C), ids i32 (...)) -> (..., C): rows by number; the executor refuses ids outside the table. */
export const embeddingOp: Op = {
  name: "embedding",
  attrs: [],
  infer([table, ids]) {
    expect(
      table.shape.length === 2 && ids.dtype === "i32",
      "embedding",
      [table, ids],
      "wants (V, C) and i32 ids",
    );
    return [{ shape: [...ids.shape, table.shape[1]], dtype: table.dtype }];
  },
  grad([dy], node) {
    return [dy && record(embeddingBackwardOp, [dy, node.inputs[1]], { rows: node.inputs[0].shape[0] }), null];
  },
};

/** embeddingBackward(dy (..., C), ids; rows) -> (rows, C): dy's rows added up by id, in order of position. */
export const embeddingBackwardOp: Op = {
  name: "embeddingBackward",
  attrs: ["rows"],
  infer([dy, ids], { rows }) {
    const width = dy.shape[dy.shape.length - 1];
    expect(
      elements(dy.shape) === elements(ids.shape) * width,
      "embeddingBackward",
      [dy, ids],
      "rows and ids differ",
    );
    return [{ shape: [rows, width], dtype: dy.dtype }];
  },
};

/** Rows of `table` by number. */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  return record(embeddingOp, [table, ids]);
}
