/** Texts as the values that an option takes. */

import { pythonFloat, pythonInt } from "../text/python_number.ts";
import type { OptionType, Scalar, Value } from "./row.ts";
import { parseStepsOrRatio, type StepsOrRatio } from "./steps.ts";

/** Whether two values of a flag mean the same: no steps are no share either. */
export function sameValue(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => Object.is(item, b[i]));
  }
  if (isSteps(a) && isSteps(b)) {
    const [x, y] = [a, b].map((v) => "steps" in v ? { steps: v.steps } : v.ratio === 0 ? { steps: 0 } : v);
    return JSON.stringify(x) === JSON.stringify(y);
  }
  return Object.is(a, b);
}

function isSteps(value: Value): value is StepsOrRatio {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a text is not, for an error: "a number", or null with the value. Python's int() and float() decide. */
export function textAs(type: OptionType, text: string): { value: Scalar } | { wanted: string } {
  switch (type) {
    case "int": {
      const value = pythonInt(text);
      return value === null ? { wanted: "a whole number" } : { value };
    }
    case "float": {
      const value = pythonFloat(text);
      return value === null ? { wanted: "a number" } : { value };
    }
    case "bytes": {
      const value = readBytes(text);
      return value === null ? { wanted: "a size such as 6GB" } : { value };
    }
    case "int_or_float":
      try {
        return { value: parseStepsOrRatio(text) };
      } catch {
        return { wanted: "a whole number of steps, a share below 1 or a percentage" };
      }
    default:
      return { value: text };
  }
}

/** "6GB", "512 MB", "1.5g" or plain bytes; binary units. */
function readBytes(text: string): number | null {
  const match = /^(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?b)?$/i.exec(text.trim());
  return match && Math.floor(Number(match[1]) * 1024 ** " kmgt".indexOf(match[2].toLowerCase() || " "));
}
