/** The programs that are measured, as graphs: without a device they can be listed, on one compiled. */

import { Graph, mean, square, sub, type Tensor } from "../../../src/graph/mod.ts";
import type { DType } from "../../../src/base/dtype.ts";
import { type Adapter, decode, UNET, VAE, Weights } from "../../../src/models/mod.ts";
import { DOWN, keysOf, loraAdapter, loraModules, loraOptions, UP } from "../../../src/networks/mod.ts";
import type { ParameterStore } from "../../../src/runtime/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import type { ParameterGroup } from "../../../src/training/step/trainable.ts";
import { type Model, parts } from "./models.ts";

const RANK = 16;

function recordUnet(
  graph: Graph,
  model: Model,
  batch: number,
  dtype: DType,
  more: { adapter?: Adapter; storage?: (key: string) => DType } = {},
): Tensor {
  const { size, family, unet: { contextWidth, vectorWidth } } = model;
  const w = Weights.over(graph, parts.unet(model), { dtype, ...more });
  return family.denoise(
    graph.input("x", [batch, size, size, 4]),
    graph.input("t", [batch]),
    {
      context: graph.input("context", [batch, 77, contextWidth]),
      vector: vectorWidth ? graph.input("vector", [batch, vectorWidth]) : undefined,
    },
    w,
  );
}

/** One evaluation of the U-Net. */
export function forwardGraph(model: Model, batch: number, dtype: DType): Graph {
  const graph = new Graph();
  graph.output("y", recordUnet(graph, model, batch, dtype));
  return graph;
}

/** Latents to pictures. */
export function decodeGraph(model: Model, batch: number, dtype: DType): Graph {
  const graph = new Graph(), { size } = model;
  const w = Weights.over(graph, parts.vae(model), { dtype });
  graph.output("image", decode(graph.input("latents", [batch, size, size, 4]), w.at(VAE)));
  return graph;
}

/** Token ids to the U-Net's context, as a training conditions. */
export function textGraph(model: Model, batch: number, dtype: DType): Graph {
  const graph = new Graph(), { text, textEncoders } = model.family;
  const ids = textEncoders.map((_, i) => graph.input(`ids.${i}`, [batch, 77], "i32"));
  const eosRows = text.pooled ? graph.input("eosRows", [batch], "i32") : undefined;
  const w = Weights.over(graph, parts.text(model), { dtype });
  const { context, pooled } = text.captions({ ids, chunks: 1, eosRows }, w);
  graph.output("context", context);
  if (pooled) graph.output("pooled", pooled);
  return graph;
}

/** A LoRA on the U-Net's attention and projections, as train_network joins it. */
export function loraOf(model: Model) {
  const options = loraOptions(
    { dim: RANK, alpha: RANK, dropout: null, args: null },
    model.family.sites.blocks,
  );
  const whole = new Map([...parts.unet(model), ...parts.text(model)]); // a family's layers are told by all of its model
  const modules = loraModules(whole, model.family, options).filter(({ path }) => path.startsWith(UNET));
  const parameters = modules.flatMap((m) => {
    const { down, up } = keysOf(m);
    return [{ name: down, shape: m.tensors[DOWN] }, { name: up, shape: m.tensors[UP] }];
  });
  const groups: ParameterGroup[] = [{ name: "unet", learningRate: 1e-4, parameters }];
  return { modules, groups };
}

/** Forward, backward, clipping, AdamW: the two programs of a training step. */
export function loraStep(
  store: ParameterStore,
  model: Model,
  dtype: DType,
  recompute: boolean,
  optimizer = "AdamW",
): TrainingStep<{ batch: number }> {
  const { modules, groups } = loraOf(model);
  return new TrainingStep(store, {
    groups,
    record(graph, { batch }) {
      const y = recordUnet(graph, model, batch, dtype, { adapter: loraAdapter(modules) });
      return { loss: mean(square(sub(y, graph.input("target", y.shape)))) };
    },
    optimizer: readOptimizer(optimizer, null),
    maxGradNorm: 1,
    gradientAccumulationSteps: 1,
    scaleLoss: false,
    recompute,
  });
}

/** The same for all weights of the U-Net, which are held in float32. */
export function fullStep(
  store: ParameterStore,
  model: Model,
  group: ParameterGroup,
  dtype: DType,
): TrainingStep<{ batch: number }> {
  return new TrainingStep(store, {
    groups: [group],
    record(graph, { batch }) {
      const y = recordUnet(graph, model, batch, dtype, { storage: () => "f32" });
      return { loss: mean(square(sub(y, graph.input("target", y.shape)))) };
    },
    optimizer: readOptimizer("AdamW", null),
    maxGradNorm: 1,
    gradientAccumulationSteps: 1,
    scaleLoss: false,
  });
}
