/** Values as Python's str() and json.dumps() write them: how metadata in LoRA files is spelled. */

import { asciiJson, jsonFloat } from "../../text/python_json.ts";
import { floatRepr } from "../../text/python_number.ts";

export { floatRepr } from "../../text/python_number.ts";

/** A number that Python holds as a float, so that 1 reads "1.0". */
export class PyFloat {
  constructor(readonly value: number) {}
}

export type PyValue =
  | null
  | boolean
  | number
  | string
  | PyFloat
  | readonly PyValue[]
  | { readonly [key: string]: PyValue };

/** A float where there is one. */
export function pyFloat(value: number | null): PyFloat | null {
  return value === null ? null : new PyFloat(value);
}

/** str() of a plain value; arrays read as tuples, which is what metadata holds. */
export function pyStr(value: PyValue): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof PyFloat) return floatRepr(value.value);
  if (Array.isArray(value)) return `(${value.map(pyStr).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "object" ? pyJson(value) : String(value);
}

/** json.dumps() with its default separators and only ASCII. */
export function pyJson(value: PyValue): string {
  if (value instanceof PyFloat) return jsonFloat(value.value);
  if (Array.isArray(value)) return `[${value.map(pyJson).join(", ")}]`;
  if (typeof value === "string") return asciiJson(value);
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, item]) => `${asciiJson(key)}: ${pyJson(item)}`).join(", ")}}`;
  }
  return String(value);
}
