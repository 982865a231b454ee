/** Single operators: on known numbers, and on a device where they can depend on a picture. */

import { Call, OPERATORS } from "../../../src/models/onnx/ops/mod.ts";
import { compile, Graph, reshape } from "../../../src/graph/mod.ts";
import { known, type Recording, size, Unsupported, type Value } from "../../../src/models/onnx/values.ts";
import { type Device, ParameterStore } from "../../../src/runtime/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, maxAbs, relL2 } from "../compare.ts";
import { goldenDevice } from "../device.ts";

interface Row {
  readonly name: string;
  readonly op: string;
  readonly opset: number;
  readonly attributes: Record<string, unknown>;
  readonly inputs: readonly (readonly [string, number[]] | null)[];
  readonly outputs: readonly (readonly [string, number[]])[];
}

export async function checkOperators(c: GoldenCase): Promise<Check[]> {
  const device = goldenDevice(), checks: Check[] = [];
  try {
    for (const row of c.json.cases as Row[]) checks.push(...await checkOperator(c, row, device));
  } finally {
    device.close();
  }
  return checks;
}

const dtypeOf = (name: string) => name.startsWith("float") ? "f32" : name === "bool" ? "bool" : "i64";

async function checkOperator(c: GoldenCase, row: Row, device: Device): Promise<Check[]> {
  const tensors = c.tensors();
  const stored = (key: string, shape: readonly number[]) => {
    return size(shape) === 0 ? new Float32Array() : numbersOf(tensors.bytes(key), tensors.info(key).dtype);
  };
  const inputs = row.inputs.map((input, i) =>
    input === null
      ? undefined
      : known([...stored(`${row.name}.in${i}`, input[1])], input[1], dtypeOf(input[0]))
  );
  const graph = new Graph(),
    recording: Recording = {
      graph,
      tensorOf: (value) =>
        value.tensor ?? graph.constant(Float32Array.from(value.known!), [size(value.shape)]),
    };
  const attributes = Object.fromEntries(
    Object.entries(row.attributes).map(([name, value]) => {
      if (value !== "tensor float32 [1]") return [name, value];
      // the value that fills is that of the result
      const [fill] = stored(`${row.name}.out0`, row.outputs[0][1]);
      return [name, { dtype: "f32", shape: [1], data: Float32Array.of(fill) }];
    }),
  );
  const run = (values: readonly (Value | undefined)[]) => {
    const made = OPERATORS[row.op](
      new Call(recording, values, attributes as never, row.opset, row.outputs.length),
    );
    return (Array.isArray(made) ? made : [made]) as Value[];
  };
  const wanted = row.outputs.map(([type, shape], i) => ({
    type,
    shape,
    data: stored(`${row.name}.out${i}`, shape),
  }));
  const compare = (where: string, made: readonly Value[], data: readonly ArrayLike<number>[]) =>
    wanted.flatMap(({ type, shape, data: right }, i): Check[] => {
      const what = `${row.name}${where}`, { rel_l2, abs } = c.json.tolerance.float;
      const [got, recorded] = [Float32Array.from(data[i]), Float32Array.from(right)];
      const exactly = !type.startsWith("float");
      // either of the case's two limits, as a share of it
      const error = exactly
        ? maxAbs(got, recorded)
        : Math.min(relL2(got, recorded) / rel_l2, maxAbs(got, recorded) / abs);
      return [
        exact(`${what} shape`, made[i].shape, shape),
        size(shape) === 0 ? exact(what, data[i].length, 0) : { what, error, limit: exactly ? 0 : 1 },
      ];
    });
  const host = run(inputs);
  const checks = compare("", host, host.map((v) => v.known!));
  if (!row.inputs[0] || dtypeOf(row.inputs[0][0]) !== "f32" || size(row.inputs[0][1]) === 0) return checks;
  try {
    const x = { ...inputs[0]!, known: undefined, tensor: graph.input("x", [size(inputs[0]!.shape)]) };
    const made = run([x, ...inputs.slice(1)]);
    if (made.some((value) => value.known)) return checks;
    made.forEach((value, i) => graph.output(`y${i}`, reshape(value.tensor!, [size(value.shape)])));
    const store = new ParameterStore(device), program = await compile(graph, store);
    const out = await program.run({ x: Float32Array.from(inputs[0]!.known) });
    program.destroy();
    store.destroy();
    return [...checks, ...compare(" on a device", made, made.map((_, i) => out[`y${i}`]))];
  } catch (error) {
    if (error instanceof Unsupported) return checks;
    throw new Error(`${row.name}: ${(error as Error).message}`, { cause: error });
  }
}

function numbersOf(bytes: Uint8Array<ArrayBuffer>, dtype: string): Float32Array {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes.buffer);
    case "I64":
      return Float32Array.from(new BigInt64Array(bytes.buffer), Number);
    case "I32":
      return Float32Array.from(new Int32Array(bytes.buffer));
    case "F16":
      return Float32Array.from(new Float16Array(bytes.buffer));
    default:
      return Float32Array.from(bytes);
  }
}

/** Every operator of the known taggers has an implementation, and those that are to be expected too. */
export function checkOperatorList(c: GoldenCase): Check[] {
  return Object.keys(c.json.operators).map((op) => exact(op, op in OPERATORS, true));
}
