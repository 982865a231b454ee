/** A run of train_controlnet or sdxl_train_control_net: trains a ControlNet on a frozen model and writes it. */
import { UserError } from "../../../base/errors.ts";
import type { JobContext } from "../../../base/job.ts";
import { CONDITIONED } from "../../../data/dataset/config_schema.ts";
import { Controls } from "../../../generation/techniques/control/controls.ts";
import {
  controlDraws,
  controlShapes,
  firstControlWeights,
  type ModelFile,
  openControlNet,
  saveControlNet,
  weightOf,
} from "../../../models/mod.ts";
import { type ControlNetConfig, controlNetGroups, sdxlControlNetGroups } from "../../options.ts";
import { runTraining } from "../../loop/trainer.ts";
import type { RunGenerators } from "../../objective/generators.ts";
import { frozenDtype } from "../../dtypes.ts";
import {
  controlTraining,
  controlWeights,
  repeatedFlaw,
  type TrainedControl,
  trainedControl,
} from "../../trained/controlnet/control_training.ts";
import { conditionedConfig, withoutUnread } from "../../trained/controlnet/settled.ts";
import { modelTexts, savedSpec } from "../../trained/model_texts.ts";
import { openOutput } from "../output_folder.ts";
import { assembleRun, drawingModel } from "../assemble_run.ts";
import { closingOnError, openRun } from "../open_run.ts";
import { encodedCaptions } from "../text_cache.ts";
import type { TrainingRun } from "../training_run.ts";

export interface ControlRunOptions {
  /** Insists on SDXL. */
  readonly sdxl: boolean;
}

/** Runs the whole training. Throws as jobs do. */
export async function trainControlNet(
  config: ControlNetConfig,
  context: JobContext,
  options: ControlRunOptions,
): Promise<void> {
  const settled = conditionedConfig(config);
  openOutput(settled, context);
  await runTraining(settled, await openControlRun(config, context, options), context);
}

/** Everything opened, checked and loaded. */
export async function openControlRun(
  given: ControlNetConfig,
  context: JobContext,
  { sdxl }: ControlRunOptions,
): Promise<TrainingRun> {
  const settled = conditionedConfig(given), groups = sdxl ? sdxlControlNetGroups : controlNetGroups;
  const all = await openRun(settled, context, { groups, told: { sdxl }, supports: CONDITIONED });
  const { file, store, length } = all, { family } = file;
  const config = closingOnError(all, () => withoutUnread(settled, family, context.warn));
  const net = closingOnError(all, () => firstControl(config, file, all.generators));
  const opened = {
    ...all,
    close() {
      net.close();
      all.close();
    },
  };
  const texts = closingOnError(opened, () => modelTexts(config));
  const encoded = await encodedCaptions(config, opened, { trainsText: null }, context).catch((error) => {
    opened.close();
    throw error;
  });
  const flawed = repeatedFlaw(file, config) === "skip", range = flawed ? "signed" : "unit";
  return await assembleRun(config, opened, {
    name: sdxl ? "sdxl_control_net_train" : "controlnet_train",
    what: `a ControlNet ${config.controlnetModelNameOrPath ? "from a file" : "made from the U-Net"}`,
    drawing: drawingModel(config, opened, {
      storage: frozenDtype(config),
      controls: Controls.trained("net", range, {
        weights: (graph) => controlWeights(graph, net, config),
        reachesMiddle: flawed,
      }),
    }),
    examples: { conditioning: range, encoded },
    training: () => {
      const model = { family, shapes: file.shapes, file, encodedText: encoded?.widths };
      return controlTraining(store, model, net, { ...config, maxTrainSteps: length.steps });
    },
    saveModel(training, path) {
      const values = trainedControl(training, net), { diffusersNames } = family.control;
      const unsaid = config.compat !== null && !diffusersNames;
      const metadata = unsaid ? {} : savedSpec("controlNet", config, family, texts);
      saveControlNet(path, net.shapes, values, { diffusersNames, precision: config.savePrecision, metadata });
    },
  }, context);
}

/** Its tensors are read when they are wanted: a large one is not held twice. */
interface OpenControl extends TrainedControl {
  close(): void;
}

/** From --controlnet_model_name_or_path, or made from the U-Net. Throws UserError for a file that does not fit. */
function firstControl(
  { controlnetModelNameOrPath: path }: Pick<ControlNetConfig, "controlnetModelNameOrPath">,
  file: ModelFile,
  { network, built }: Pick<RunGenerators, "network" | "built">,
): OpenControl {
  const read = (key: string) => weightOf(file, key);
  if (path === null) {
    const shapes = controlShapes(file.shapes);
    return { shapes, first: firstControlWeights(shapes, read, network, built), isNew: true, close() {} };
  }
  built(controlDraws(file.shapes)); // sd-scripts makes it from the U-Net all the same
  const net = openControlNet(path, { ...file, read }, "controlnet_model_name_or_path");
  if (net.lowRank) {
    net.close();
    throw new UserError(
      `${path}: is a control-lora, which is the model's own weights and a little more; give a whole ControlNet`,
    );
  }
  return { shapes: net.shapes, first: (name) => net.read(name), isNew: false, close: () => net.close() };
}
