/** Training a ControlNet on a frozen model (arXiv 2302.05543): the step behind train_controlnet and sdxl_train_control_net. */
import type { Graph } from "../../../graph/mod.ts";
import {
  CONTROL,
  type Control,
  hintFeatures,
  loadMissing,
  under,
  UNET,
  Weights,
} from "../../../models/mod.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import { CONDITIONING } from "../../objective/examples.ts";
import type { LatentsShape } from "../../objective/loss.ts";
import type { OptimizerConfig, StepConfig } from "../../options.ts";
import { computeDtype, frozenDtype, trainedDtype } from "../../dtypes.ts";
import { DiffusionTraining } from "../../step/diffusion_training.ts";
import { allocateGroups, type ParameterGroup } from "../../step/trainable.ts";
import { UsageError } from "../../../base/errors.ts";
import { type BaseModel, predictNoise } from "../base_model.ts";

export interface ControlTrainingConfig extends StepConfig, OptimizerConfig {
  /** Of the tensors that the U-Net has none of; undefined: that of all. */
  readonly controlNetLr?: number;
  readonly compat: string | null;
}

/** A ControlNet by original names without prefix. */
export interface TrainedControl {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The first values of one; read again for what is not trained when it is saved. */
  first(name: string): Float32Array;
  /** From the U-Net, not from a file. */
  readonly isNew: boolean;
}

/** The mistake of sd-scripts that is repeated, see Family.control; null where none is. */
export const repeatedFlaw = (
  { family }: Pick<BaseModel, "family">,
  { compat }: Pick<ControlTrainingConfig, "compat">,
) => compat === null ? null : family.control.flaw;

/** The ControlNet's weights are parameters under "control_model."; the model's are read when first needed. */
export function controlTraining(
  store: ParameterStore,
  model: BaseModel,
  net: TrainedControl,
  config: ControlTrainingConfig,
): DiffusionTraining {
  const groups = controlGroups(net, config),
    held = trainedDtype(config),
    dtype = computeDtype(config.mixedPrecision);
  const trained = namesIn(groups);
  allocateGroups(store, groups, { gradients: !config.fusedBackwardPass });
  for (const [name, shape] of net.shapes) {
    const key = CONTROL + name;
    if (trained.has(key)) store.set(key, net.first(name));
    else store.upload(key, shape, dtype, net.first(name));
  }
  const { factor } = model.family.latent;
  const flaw = repeatedFlaw(model, config);
  const control = (graph: Graph, { batch, height, width }: LatentsShape): Control => {
    const weights = controlWeights(graph, net, config);
    const picture = graph.input(CONDITIONING, [batch, factor * height, factor * width, 3]);
    return { weights, hint: hintFeatures(picture, weights), reachesMiddle: flaw === "skip" };
  };
  const shared = flaw === "shared" && net.isNew && dtype === "f32";
  const frozen = frozenDtype(config);
  return new DiffusionTraining(store, config, {
    groups,
    predict: predictNoise(model, {
      dtype,
      storage: (key) => trained.has(key) ? held : frozen(key),
      borrowed: shared ? (key) => lentTo(key, trained) : undefined,
      control,
      clipSkip: config.clipSkip,
      weightedCaptions: config.weightedCaptions,
    }),
    load: async (graph) => {
      if (model.file) await loadMissing(graph, store, model.file);
    },
  });
}

/** The ControlNet's tensors in a graph that computes as the training does. */
export function controlWeights(graph: Graph, net: TrainedControl, config: ControlTrainingConfig): Weights {
  const dtype = computeDtype(config.mixedPrecision), held = trainedDtype(config);
  const trained = namesIn(controlGroups(net, config));
  const storage = (key: string) => trained.has(key) ? held : dtype;
  return Weights.over(graph, under(CONTROL, net.shapes), { dtype, storage }).at(CONTROL.slice(0, -1));
}

const namesIn = (groups: readonly ParameterGroup[]): Set<string> =>
  new Set(groups.flatMap(({ parameters }) => parameters.map(({ name }) => name)));

/** The trained copy of a U-Net's tensor. */
function lentTo(key: string, trained: ReadonlySet<string>): string | undefined {
  if (!key.startsWith(`${UNET}.`)) return undefined;
  const copy = CONTROL + key.slice(UNET.length + 1);
  return trained.has(copy) ? copy : undefined;
}

/** Tensors that are no copies of the U-Net's. */
const OWN = /^(zero_convs|middle_block_out|input_hint_block)\./;

/** One group, or with a rate of their own two. Throws UsageError where all rates are 0. */
function controlGroups({ shapes }: TrainedControl, config: ControlTrainingConfig): ParameterGroup[] {
  const { learningRate, controlNetLr = learningRate } = config, dtype = trainedDtype(config);
  const parts = config.controlNetLr === undefined
    ? [{ name: "controlnet", learningRate, has: (_: string) => true }]
    : [
      { name: "controlnet", learningRate: controlNetLr, has: (name: string) => OWN.test(name) },
      { name: "unet copy", learningRate, has: (name: string) => !OWN.test(name) },
    ];
  const groups = parts.filter((part) => part.learningRate !== 0).map(({ name, learningRate, has }) => ({
    ...{ name, learningRate, dtype },
    parameters: [...shapes].filter(([key]) => has(key)).map(([key, shape]) => ({
      name: CONTROL + key,
      shape,
    })),
  }));
  if (groups.length > 0) return groups;
  throw new UsageError("all learning rates are 0, so nothing would be trained; raise one of them");
}

/** Trained tensors by original names; those that are not trained as they were. */
export function trainedControl(
  training: Pick<DiffusionTraining, "saved">,
  net: TrainedControl,
): (name: string) => Float32Array {
  const saved = training.saved();
  return (name) => saved.get(CONTROL + name) ?? net.first(name);
}
