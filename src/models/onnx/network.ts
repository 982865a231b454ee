/** An ONNX model on a device: programs by size of input, weights once. */

import { type OnnxModel, readOnnx } from "../../formats/onnx/onnx_file.ts";
import { compile } from "../../graph/mod.ts";
import { type Device, ParameterStore, type Program } from "../../runtime/mod.ts";
import { recordOnnx } from "./record.ts";

interface Compiled {
  readonly program: Program;
  /** Of the outputs, in the model's order. */
  readonly shapes: readonly (readonly number[])[];
}

export interface OnnxValues {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** A model of one input. */
export class OnnxNetwork {
  readonly #store: ParameterStore;
  readonly #compiled = new Map<string, Compiled>();

  constructor(private readonly model: OnnxModel, device: Device) {
    this.#store = new ParameterStore(device);
  }

  /** Throws UserError for what is no ONNX model. */
  static open(path: string, device: Device): OnnxNetwork {
    return new OnnxNetwork(readOnnx(path), device);
  }

  /** Of the input; a name where a size is free. */
  get inputShape(): readonly (number | string)[] {
    return this.model.inputs[0]?.shape ?? [];
  }

  /** Names of the outputs, in the model's order. */
  get outputs(): readonly string[] {
    return this.model.outputs;
  }

  /** The first output for values of a shape. Throws UserError naming an operator that is not supported. */
  async run(values: Float32Array, shape: readonly number[]): Promise<OnnxValues> {
    return (await this.runAll(values, shape)).get(this.model.outputs[0])!;
  }

  /** All outputs by name, in the model's order. Throws as `run` does. */
  async runAll(values: Float32Array, shape: readonly number[]): Promise<Map<string, OnnxValues>> {
    const { program, shapes } = await this.#get(shape);
    const found = await program.run({ [this.model.inputs[0].name]: values });
    return new Map(this.model.outputs.map((name, i) => [name, { data: found[name], shape: shapes[i] }]));
  }

  async #get(shape: readonly number[]): Promise<Compiled> {
    const key = shape.join(), found = this.#compiled.get(key);
    if (found) return found;
    const { graph, outputs, parameters } = recordOnnx(this.model, { [this.model.inputs[0].name]: shape });
    for (const [name, { known }] of parameters) {
      if (!this.#store.has(name)) {
        this.#store.upload(name, [known.length], "f32", Float32Array.from(known), { frozen: true });
      }
    }
    const made = { program: await compile(graph, this.#store), shapes: outputs.map(({ shape }) => shape) };
    this.#compiled.set(key, made);
    return made;
  }

  close(): void {
    for (const { program } of this.#compiled.values()) program.destroy();
    this.#store.destroy();
  }
}
