/** Training an LLLite on a frozen SDXL model: the step behind sdxl_train_control_net_lllite. */

import { cast, type Graph, mul, type Tensor } from "../../../graph/mod.ts";
import { llliteAdapter, loadMissing, Weights } from "../../../models/mod.ts";
import { drawMasks, type LayerDraws } from "../../../networks/mod.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import { CONDITIONING } from "../../objective/examples.ts";
import type { LatentsShape } from "../../objective/loss.ts";
import type { OptimizerConfig, PlaceConfig, StepConfig } from "../../options.ts";
import { computeDtype, frozenDtype, trainedDtype } from "../../dtypes.ts";
import { DiffusionTraining } from "../../step/diffusion_training.ts";
import { allocateGroups } from "../../step/trainable.ts";
import { type BaseModel, predictNoise } from "../base_model.ts";
import type { LLLiteSetup } from "./network.ts";

export interface LLLiteTrainingConfig extends StepConfig, OptimizerConfig, Pick<PlaceConfig, "compat"> {
  readonly networkDropout: number | null;
}

/** The network's tensors in a graph that computes as the training does. */
export function llliteWeights(graph: Graph, shapes: LLLiteSetup["shapes"], config: StepConfig): Weights {
  return Weights.over(graph, shapes, {
    dtype: computeDtype(config.mixedPrecision),
    storage: () => trainedDtype(config),
  });
}

/** The network's weights are parameters under their file keys; the model's are read when first needed. */
export function llliteTraining(
  store: ParameterStore,
  model: BaseModel,
  { shapes, weights }: Pick<LLLiteSetup, "shapes"> & { readonly weights: ReadonlyMap<string, Float32Array> },
  config: LLLiteTrainingConfig,
): DiffusionTraining {
  const groups = [{
    name: "lllite",
    learningRate: config.learningRate,
    dtype: trainedDtype(config),
    parameters: [...shapes].map(([name, shape]) => ({ name, shape })),
  }];
  allocateGroups(store, groups, { gradients: !config.fusedBackwardPass });
  for (const [name, values] of weights) store.set(name, values);
  const { latent: { factor } } = model.family, dropouts = new Map<string, LayerDraws[]>();
  const drawsOf = ({ batch, height, width }: LatentsShape): LayerDraws[] => {
    const key = [batch, height, width].join();
    if (!dropouts.has(key)) dropouts.set(key, []);
    return dropouts.get(key)!;
  };
  const predict = (dropout: number | null) =>
    predictNoise(model, {
      dtype: computeDtype(config.mixedPrecision),
      storage: frozenDtype(config),
      adapter(graph, shape) {
        const { batch, height, width } = shape, draws = drawsOf(shape);
        if (dropout !== null) draws.length = 0;
        return llliteAdapter({
          weights: llliteWeights(graph, shapes, config),
          picture: graph.input(CONDITIONING, [batch, factor * height, factor * width, 3]),
          height,
          width,
          drop: dropout === null ? undefined : (module, x) => dropped(graph, draws, module, x, dropout),
        });
      },
      clipSkip: config.clipSkip,
      weightedCaptions: config.weightedCaptions,
    });
  const { networkDropout } = config;
  // sd-scripts leaves the U-Net in evaluation mode, where nothing is dropped
  const rests = !networkDropout || (config.compat !== null && !config.gradientCheckpointing);
  return new DiffusionTraining(store, config, {
    groups,
    predict: predict(rests ? null : networkDropout),
    predictWhole: rests ? undefined : predict(null),
    load: async (graph) => {
      if (model.file) await loadMissing(graph, store, model.file);
    },
    masks: rests
      ? undefined
      : (part, shape, generators) => part === "unet" ? drawMasks(drawsOf(shape), generators) : {},
  });
}

function dropped(graph: Graph, draws: LayerDraws[], name: string, x: Tensor, p: number): Tensor {
  const input = `${name}.dropout_mask`;
  draws.push({ name, channelsFirst: false, dropout: { input, p, shape: x.shape } });
  return mul(x, cast(graph.input(input, x.shape), x.dtype));
}
