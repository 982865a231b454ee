/** What an operator is given: its inputs, attributes and the version of the operators. */

import type { OnnxAttribute } from "../../../formats/onnx/onnx_file.ts";
import { knownNumbers, type Recording, Unsupported, type Value } from "../values.ts";

/** Gives the outputs, of which the first few may be all that is wanted. */
export type Operator = (call: Call) => Value | readonly Value[];

export class Call {
  constructor(
    readonly r: Recording,
    readonly inputs: readonly (Value | undefined)[],
    readonly attributes: Readonly<Record<string, OnnxAttribute>>,
    readonly opset: number,
    /** How many outputs the node names. */
    readonly outputs = 1,
  ) {}

  has(place: number): boolean {
    return this.inputs[place] !== undefined;
  }

  /** Throws Unsupported where the input is left out. */
  input(place: number): Value {
    const value = this.inputs[place];
    if (!value) throw new Unsupported(`lacks input ${place}`);
    return value;
  }

  number(name: string, standard: number): number {
    const value = this.attributes[name];
    return typeof value === "number" ? value : standard;
  }

  text(name: string, standard: string): string {
    const value = this.attributes[name];
    return typeof value === "string" ? value : standard;
  }

  list(name: string): number[] | null {
    const value = this.attributes[name];
    return Array.isArray(value) ? value.map(Number) : null;
  }

  /** Numbers that were an attribute in old versions and are an input in new ones. */
  listOrInput(name: string, place: number): number[] | null {
    return this.list(name) ?? (this.has(place) ? knownNumbers(this.input(place), name) : null);
  }
}
