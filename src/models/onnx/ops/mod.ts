/** All operators by their ONNX names. */

import type { Operator } from "./call.ts";
import { WINDOWS } from "./conv.ts";
import { LINEAR } from "./linear.ts";
import { POINTWISE } from "./pointwise.ts";
import { REDUCTIONS } from "./reduce.ts";
import { SHAPE_OPERATORS } from "./shapes.ts";

export { Call, type Operator } from "./call.ts";

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ...POINTWISE,
  ...SHAPE_OPERATORS,
  ...REDUCTIONS,
  ...LINEAR,
  ...WINDOWS,
};
