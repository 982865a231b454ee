import { type Node, record, sameShape, type Tensor } from "../graph.ts";
import { cast } from "../ops/cast.ts";
import { matmulOp } from "../ops/matmul.ts";

/** How long K of a second product may be: a LoRA's rank. */
const LONGEST = 256;

/** The sum of two products of matrices in one instruction; null where they do not go together or none of them is short. */
export function oneProduct(a: Node, b: Node): Tensor | null {
  const [long, short] = lengthOf(a) < lengthOf(b) ? [b, a] : [a, b];
  if (![long, short].every(isPlain) || lengthOf(short) > LONGEST || !goTogether(long, short)) return null;
  const both: Record<string, number> = { ...long.attrs, hasSecond: 1 };
  const addends: Tensor[] = [];
  for (const [attr, at] of [["hasBias", biasAt], ["hasResidual", residualAt]] as const) {
    const from = [long, short].find(({ attrs }) => attrs[attr]);
    if (from) addends.push(from.inputs[at(from)]);
    both[attr] = from ? 1 : 0;
  }
  const [x, w] = short.inputs; // of the weights only the first product's are rounded as they are read
  return record(matmulOp, [...long.inputs.slice(0, 2), ...addends, x, cast(w, x.dtype)], both);
}

const biasAt = () => 2;
/** Where a product's residual is among its inputs, or would be. */
export const residualAt = ({ attrs }: Node) => 2 + attrs.hasBias;

const lengthOf = ({ inputs: [a], attrs }: Node) => a.shape.at(attrs.transA ? -2 : -1)!;

const isPlain = ({ op, attrs, inputs: [a] }: Node) =>
  op === matmulOp && a.shape.length === 2 && !attrs.hasSecond;

function goTogether(a: Node, b: Node): boolean {
  const one = (attr: string) => !a.attrs[attr] || !b.attrs[attr];
  return sameShape(a.outputs[0].shape, b.outputs[0].shape) && a.attrs.transA === b.attrs.transA &&
    a.attrs.transB === b.attrs.transB && one("hasBias") && one("hasResidual");
}
