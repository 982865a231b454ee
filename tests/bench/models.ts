/** Full-size SD1.5 parts on a device, with the golden format's synthetic weights, and the programs that bench times. */

import { affine, type Tensor } from "../../src/graph/mod.ts";
import { compile, Graph, mean, square, sub } from "../../src/graph/mod.ts";
import type { DType } from "../../src/base/dtype.ts";
import { decode, type Shapes, unet, unetShapes, vaeShapes, Weights } from "../../src/models/mod.ts";
import { keysOf, loraAdapter, loraModules, loraOptions } from "../../src/networks/mod.ts";
import type { ParameterStore, Program, Values } from "../../src/runtime/mod.ts";
import { TrainingStep } from "../../src/training/step.ts";
import { allocateGroups } from "../../src/training/trainable.ts";
import { synthTensor, uniform } from "../golden/synth.ts";

const UNET = "model.diffusion_model", VAE = "first_stage_model";
const HEADS = { heads: () => 8 };

const SD15 = {
  inChannels: 4,
  outChannels: 4,
  channels: [320, 640, 1280, 1280],
  resBlocks: 2,
  depths: [1, 1, 1, 0],
  middleDepth: 1,
  contextWidth: 768,
  linearProjection: false,
  vectorWidth: 0,
};
const VAE15 = { channels: [128, 256, 512, 512], resBlocks: 2, latentChannels: 4, linearAttention: false };

/** Something that can be run again and again. */
export type Job = () => Promise<unknown>;

function upload(
  store: ParameterStore,
  prefix: string,
  shapes: Shapes,
  dtype: DType,
): Map<string, readonly number[]> {
  const named = new Map([...shapes].map(([key, shape]) => [`${prefix}.${key}`, shape]));
  for (const [key, shape] of named) {
    store.upload(key, shape, dtype, synthTensor(key, [...shape]), { frozen: true });
  }
  return named;
}

const noise = (name: string, n: number) => uniform(`bench.${name}`, n);

/** One evaluation of SD1.5's U-Net at `size` x `size` latents, batch 1. */
export async function unetForward(store: ParameterStore, dtype: DType, size = 64): Promise<Job> {
  const shapes = upload(store, UNET, unetShapes(SD15), dtype);
  const graph = new Graph();
  const w = Weights.over(graph, shapes, { dtype });
  const [x, t, context] = unetInputs(graph, size);
  graph.output("y", unet(x, t, context, w.at(UNET), HEADS));
  const program = await compile(graph, store);
  const inputs = unetValues(size);
  return withProfile(program, inputs, () => program.run(inputs));
}

const NETWORK = { dim: 16, alpha: 16, dropout: null, args: null };

/** One LoRA step (rank 16, batch 1): forward, backward, clipping, AdamW. */
export async function loraStep(store: ParameterStore, dtype: DType, size = 64): Promise<Job> {
  const shapes = upload(store, UNET, unetShapes(SD15), dtype);
  const modules = loraModules(shapes, "sd1", loraOptions(NETWORK, false));
  const parameters = modules.flatMap((m) => {
    const { down, up } = keysOf(m);
    return [{ name: down, shape: m.downShape }, { name: up, shape: m.upShape }];
  });
  const groups = [{ name: "unet", learningRate: 1e-4, parameters }];
  allocateGroups(store, groups);
  for (const { name, shape } of parameters) {
    if (name.includes("down")) store.set(name, synthTensor(name, [...shape]));
  }
  const step = new TrainingStep<{ size: number }>(store, {
    groups,
    record(graph, shape) {
      const w = Weights.over(graph, shapes, { dtype, adapter: loraAdapter(modules) });
      const [x, t, context] = unetInputs(graph, shape.size);
      const y: Tensor = unet(x, t, context, w.at(UNET), HEADS);
      return { loss: mean(square(sub(y, graph.input("target", y.shape)))) };
    },
    adamw: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 },
    maxGradNorm: 1,
    gradientAccumulationSteps: 1,
    scaleLoss: false,
  });
  const inputs = { ...unetValues(size), target: noise("target", 4 * size * size) };
  const program = await step.program({ size });
  return withProfile(program, { ...inputs, loss_scale: Float32Array.of(1) }, async () => {
    await step.backward({ size }, inputs);
    await step.update([1e-4]);
  });
}

/** The picture of `size` x `size` latents. */
export async function vaeDecode(store: ParameterStore, dtype: DType, size = 64): Promise<Job> {
  const shapes = upload(store, VAE, vaeShapes(VAE15), dtype);
  const graph = new Graph();
  const w = Weights.over(graph, shapes, { dtype });
  graph.output(
    "image",
    decode(affine(graph.input("latents", [1, size, size, 4]), 1 / 0.18215, 0), w.at(VAE)),
  );
  const program = await compile(graph, store);
  const inputs = { latents: noise("latents", 4 * size * size) };
  return withProfile(program, inputs, () => program.run(inputs));
}

/** The job, with the slowest instructions on standard error first when EASEL_PROFILE is set. */
async function withProfile(program: Program, inputs: Record<string, Values>, job: Job): Promise<Job> {
  const rows = Number(Deno.env.get("EASEL_PROFILE") ?? 0);
  if (rows > 0) {
    await job();
    const profile = await program.profile(inputs);
    const byOp = new Map<string, number>();
    for (const { instruction, seconds } of profile) {
      const op = instruction.split(" ")[0];
      byOp.set(op, (byOp.get(op) ?? 0) + seconds);
    }
    for (const [op, s] of [...byOp].sort((a, b) => b[1] - a[1])) {
      console.error(`${(s * 1e3).toFixed(1)} ms  ${op}`);
    }
    for (const p of profile.slice(0, rows)) {
      console.error(`${(p.seconds * 1e3).toFixed(2)} ms  ${p.instruction}`);
    }
  }
  return job;
}

function unetInputs(graph: Graph, size: number): [Tensor, Tensor, Tensor] {
  return [graph.input("x", [1, size, size, 4]), graph.input("t", [1]), graph.input("context", [1, 77, 768])];
}

function unetValues(size: number): Record<string, Float32Array> {
  return { x: noise("x", 4 * size * size), t: Float32Array.of(500), context: noise("context", 77 * 768) };
}
