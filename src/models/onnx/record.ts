/** An ONNX model recorded as a graph for one size of input: what follows from shapes and weights alone is computed on the way. */

import { UserError } from "../../base/errors.ts";
import type { OnnxModel } from "../../formats/onnx/onnx_file.ts";
import { Graph, reshape, type Tensor } from "../../graph/mod.ts";
import { Call, OPERATORS } from "./ops/mod.ts";
import { fromFile, isKnown, type Known, type Recording, size, Unsupported, type Value } from "./values.ts";

/** Numbers up to so many are part of the program, larger arrays parameters of the store. */
const SMALL = 4096;

export interface RecordedModel {
  readonly graph: Graph;
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Parameters that the graph reads: to be uploaded as float32 of these shapes. */
  readonly parameters: ReadonlyMap<string, Known>;
}

/**
 * `shapes`: of each input by name. The outputs keep their names. Throws UserError naming the first operator that is not
 * supported, or what it cannot do.
 */
export function recordOnnx(
  model: OnnxModel,
  shapes: Readonly<Record<string, readonly number[]>>,
): RecordedModel {
  const graph = new Graph(),
    parameters = new Map<string, Known>(),
    tensors = new Map<Known["known"], Tensor>();
  const recording: Recording = {
    graph,
    tensorOf(value) {
      if (value.tensor) return value.tensor;
      const data = (value as Known).known, found = tensors.get(data);
      if (found) return found;
      const tensor = data.length <= SMALL
        ? graph.constant(Float32Array.from(data), [data.length])
        : graph.parameter(named(value as Known), [data.length]);
      tensors.set(data, tensor);
      return tensor;
    },
  };
  const own = new Map([...model.initializers].map(([name, { data }]) => [data, name]));
  const sizes = Object.values(shapes).join(" ");
  const named = (value: Known) => {
    const initializer = own.get(value.known);
    const name = initializer === undefined ? `onnx ${sizes} ${parameters.size}` : `onnx ${initializer}`;
    parameters.set(name, value);
    return name;
  };
  const values = new Map<string, Value>([...model.initializers].map(([name, t]) => [name, fromFile(t)]));
  for (const [name, shape] of Object.entries(shapes)) {
    values.set(name, { shape, dtype: "f32", tensor: graph.input(name, [size(shape)]) });
  }
  for (const node of model.nodes) {
    const inputs = node.inputs.map((name) => name === "" ? undefined : values.get(name));
    const made = runNode(model, recording, node, inputs);
    node.outputs.forEach((name, i) => made[i] && values.set(name, made[i]));
  }
  const outputs = model.outputs.map((name) => {
    const value = values.get(name);
    if (!value) {
      throw new UserError(`${model.path}: nothing computes its output ${name}; the file is damaged`);
    }
    if (isKnown(value)) throw new UserError(`${model.path}: its output ${name} does not depend on its input`);
    graph.output(name, reshape(value.tensor!, [size(value.shape)]));
    return { name, shape: value.shape };
  });
  return { graph, outputs, parameters };
}

function runNode(
  model: OnnxModel,
  recording: Recording,
  { op, name, inputs: names, outputs, attributes }: OnnxModel["nodes"][number],
  inputs: readonly (Value | undefined)[],
): readonly Value[] {
  const operator = OPERATORS[op], where = `${model.path}: operator ${op}${name ? ` (${name})` : ""}`;
  if (!operator) throw new UserError(`${where} is not supported yet`);
  const missing = names.findIndex((n, i) => n !== "" && inputs[i] === undefined);
  if (missing >= 0) throw new UserError(`${where}: nothing gives ${names[missing]}; the file is damaged`);
  try {
    const made = operator(new Call(recording, inputs, attributes, model.opset, outputs.length));
    return Array.isArray(made) ? made : [made as Value];
  } catch (cause) {
    if (!(cause instanceof Unsupported) && !(cause instanceof TypeError)) throw cause;
    throw new UserError(`${where}: ${cause.message}`, { cause });
  }
}
