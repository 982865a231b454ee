/** A U-Net's inputs and weights as the cases have them, run, and compared with what is recorded. */

import { compile, Graph, type Tensor } from "../../../../src/graph/mod.ts";
import { UNET, Weights } from "../../../../src/models/mod.ts";
import { ParameterStore } from "../../../../src/runtime/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, sample, within } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { toChannelsFirst, toChannelsLast } from "../../layout.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, type SynthModel } from "../../synth_models.ts";

/** An input by the golden format: "1.7*uniform('input.CASE.NAME')", channels last for pictures. */
function input(c: GoldenCase, name: string, shape: number[], scale: number, shift = 0): Float32Array {
  const values = uniform(`input.${c.json.case}.${name}`, shape.reduce((a, b) => a * b), scale);
  const moved = shift ? values.map((x) => x + shift) : values;
  return shape.length === 4 ? toChannelsLast(moved, shape) : moved;
}

export const LATENTS = [2, 4, 16, 16], PICTURE = [2, 3, 128, 128];

export interface Run {
  readonly graph: Graph;
  readonly inputs: Record<string, Float32Array>;
  readonly unet: Weights;
  readonly model: SynthModel;
  readonly latents: Tensor;
  readonly context: Tensor;
  readonly picture: Tensor;
  readonly timesteps: Tensor;
  readonly vector?: Tensor;
}

export function begin(c: GoldenCase, times: readonly number[], unit: boolean): Run {
  const model = caseModel(c.json), graph = new Graph();
  const width = model.shapes.get(`${UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight`)![1];
  const inputs: Record<string, Float32Array> = {
    latents: input(c, "sample", LATENTS, 1.7),
    context: input(c, "context", [2, 77, width], 1.7),
    timesteps: Float32Array.from(times),
    picture: unit ? input(c, "cond", PICTURE, 0.5, 0.5) : input(c, "cond", PICTURE, 1),
  };
  const vectorWidth = model.shapes.get(`${UNET}.label_emb.0.0.weight`)?.[1];
  if (vectorWidth) inputs.vector = input(c, "vector", [2, vectorWidth], 1);
  return {
    ...{ graph, inputs, model },
    unet: Weights.over(graph, model.shapes),
    latents: graph.input("latents", [2, 16, 16, 4]),
    context: graph.input("context", [2, 77, width]),
    picture: graph.input("picture", [2, 128, 128, 3]),
    timesteps: graph.input("timesteps", [2]),
    vector: vectorWidth ? graph.input("vector", [2, vectorWidth]) : undefined,
  };
}

export async function execute(
  { graph, inputs, model }: Run,
  weightOf: (name: string) => Float32Array | undefined,
): Promise<Record<string, Float32Array>> {
  const device = goldenDevice(), store = new ParameterStore(device);
  try {
    for (const { source, outputs } of graph.nodes) {
      if (source?.kind !== "parameter" || store.has(source.name)) continue;
      const { shape } = outputs[0];
      const values = weightOf(source.name) ?? synthTensor(source.name, model.shapes.get(source.name)!);
      store.upload(source.name, shape, "f32", values);
    }
    const program = await compile(graph, store);
    const result = await program.run(inputs);
    program.destroy();
    return result;
  } finally {
    store.destroy();
    device.close();
  }
}

/** What the case has gradients of. */
export function gradientNames(c: GoldenCase, prefix: string): string[] {
  return c.tensors().keys().filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).replace(/_sample$/, ""));
}

/** Recorded tensors, whole or samples of them, against what came out; `planar` names those that are channels first. */
export function compared(
  c: GoldenCase,
  result: Record<string, Float32Array>,
  planar: ReadonlyMap<string, number[]>,
  wanted: (key: string) => boolean,
): Check[] {
  const tensors = c.tensors(), { tolerance } = c.json;
  return tensors.keys().filter(wanted).map((key) => {
    const name = planar.has(key) || result[key] ? key : key.replace(/_sample$/, "");
    const raw = result[name] ?? new Float32Array(0), shape = planar.get(name);
    const values = shape && raw.length ? toChannelsFirst(raw, shape) : raw, expected = tensors.f32(key);
    // adding the same to all keys changes no attention
    if (key.endsWith("attn1_to_k.up.0.bias")) return within(key, values, expected, 1e-8);
    return close(
      key,
      name === key ? values : sample(values, expected.length),
      expected,
      key.includes("grad.") ? tolerance.grad_rel_l2 : tolerance.out_rel_l2,
    );
  });
}
