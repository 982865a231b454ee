/** A run of sdxl_train_control_net_lllite: trains small networks that follow a picture, and writes their file. */

import type { JobContext } from "../../../base/job.ts";
import { UsageError } from "../../../base/errors.ts";
import { counted } from "../../../base/phrases.ts";
import { CONDITIONED } from "../../../data/dataset/config_schema.ts";
import type { DatasetGroup } from "../../../data/mod.ts";
import { writeTorch } from "../../../formats/pickle/torch_writer.ts";
import { writeSafetensors } from "../../../formats/mod.ts";
import { Controls } from "../../../generation/techniques/control/controls.ts";
import { unetDraws } from "../../../models/mod.ts";
import { encode, saveDtype } from "../../../networks/mod.ts";
import { runTraining } from "../../loop/trainer.ts";
import { type LLLiteConfig, llliteGroups } from "../../options.ts";
import { frozenDtype, trainedDtype } from "../../dtypes.ts";
import { type LLLiteSetup, setUpLLLite } from "../../trained/lllite/network.ts";
import { conditionedConfig } from "../../trained/controlnet/settled.ts";
import { llliteTraining, llliteWeights } from "../../trained/lllite/training.ts";
import { modelTexts, savedSpec } from "../../trained/model_texts.ts";
import { assembleRun, drawingModel } from "../assemble_run.ts";
import { closingOnError, openRun } from "../open_run.ts";
import { openOutput } from "../output_folder.ts";
import { encodedCaptions } from "../text_cache.ts";
import type { TrainingRun } from "../training_run.ts";

/** Runs the whole training. Throws as jobs do. */
export async function trainLLLite(config: LLLiteConfig, context: JobContext): Promise<void> {
  const settled = conditionedConfig(config);
  openOutput(settled, context);
  await runTraining(settled, await openLLLiteRun(config, context), context);
}

/** Everything opened, checked and loaded. */
export async function openLLLiteRun(given: LLLiteConfig, context: JobContext): Promise<TrainingRun> {
  const config = conditionedConfig(given);
  const opened = await openRun(config, context, {
    groups: llliteGroups,
    newNetwork: config.networkWeights === null,
    told: { sdxl: true },
    supports: CONDITIONED,
  });
  const { file, store, length, group, generators } = opened;
  const { network, texts } = closingOnError(opened, () => {
    refuseOddSides(group);
    return { network: setUpLLLite(config, file), texts: modelTexts(config) };
  });
  const encoded = await encodedCaptions(config, opened, { trainsText: null }, context).catch((error) => {
    opened.close();
    throw error;
  });
  const { shapes } = network;
  return await assembleRun(config, opened, {
    name: "lllite_control_net_train",
    what: counted(modulesOf(network), "LLLite module"),
    drawing: drawingModel(config, opened, {
      storage: frozenDtype(config),
      controls: Controls.trained("lllite", "signed", {
        weights: (graph) => llliteWeights(graph, shapes, config),
      }),
    }),
    examples: { conditioning: "signed", encoded },
    training: () => {
      generators.built(unetDraws(file.shapes)); // sd-scripts builds a second U-Net
      const weights = network.weights(generators.network);
      const model = { family: file.family, shapes: file.shapes, file, encodedText: encoded?.widths };
      return llliteTraining(store, model, { shapes, weights }, { ...config, maxTrainSteps: length.steps });
    },
    saveModel(training, path) {
      const dtype = saveDtype(config.savePrecision) ??
        ({ f32: "F32", f16: "F16", bf16: "BF16" } as const)[trainedDtype(config)];
      const tensors = [...training.saved()].map(([name, values]) => ({
        ...{ name, dtype, shape: [...shapes.get(name)!] },
        data: () => encode(values, dtype),
      }));
      if (!path.endsWith(".safetensors")) return writeTorch(path, tensors, null); // which has no place for metadata
      writeSafetensors(path, tensors, savedSpec("lllite", config, file.family, texts));
    },
  }, context);
}

const modulesOf = ({ shapes }: LLLiteSetup): number =>
  [...shapes.keys()].filter((name) => name.endsWith(".up.0.weight")).length;

/** Modules see pictures in squares of this many pixels. Throws UsageError for sides that these do not fill. */
const SQUARE = 32;

function refuseOddSides({ datasets }: DatasetGroup): void {
  for (const { size: [width, height] } of datasets.flatMap(({ buckets }) => buckets)) {
    if (width % SQUARE === 0 && height % SQUARE === 0) continue;
    throw new UsageError(
      `pictures are trained at ${width}x${height}, an LLLite takes sides that are multiples of ${SQUARE}; change --resolution`,
    );
  }
}
