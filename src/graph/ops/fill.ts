import { expect, type Op, type Tensor } from "../graph.ts";

/** fill(target; value): sets every element; in place. */
export const fillOp: Op = { name: "fill", attrs: ["value"], effect: true, infer: () => [] };

/** copy(target, value): target = value; in place. */
export const copyOp: Op = { name: "copy", attrs: [], effect: true, infer: sameSize("copy") };

/** accumulate(target f32, value; fresh): target += value, cast to float32; in place. Where it is fresh, target = 0 + value. */
export const accumulateOp: Op = {
  name: "accumulate",
  attrs: ["fresh"],
  effect: true,
  infer: sameSize("accumulate"),
};

function sameSize(name: string): Op["infer"] {
  return (inputs) => {
    const [target, value] = inputs;
    expect(target.node.source?.kind === "parameter", name, inputs, "the target must be a parameter");
    expect(target.shape.join() === value.shape.join(), name, inputs, "shapes differ");
    return [];
  };
}

/** Sets every element of a parameter. */
export function fill(target: Tensor, value: number): void {
  target.graph.add(fillOp, [target], { value });
}

/** Overwrites a parameter with a value of its shape (cast to its dtype). */
export function write(target: Tensor, value: Tensor): void {
  target.graph.add(copyOp, [target, value]);
}

/** Adds a value to a float32 parameter of its shape; to 0 where that is `fresh`, whatever it holds. */
export function accumulate(target: Tensor, value: Tensor, fresh = false): void {
  target.graph.add(accumulateOp, [target, value], { fresh: +fresh });
}
