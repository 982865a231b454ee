/** Training steps of LoRA networks and of whole models: losses, rates, gradient norms, noise, first gradients and final weights. */
import { type LoraOptions, loraOptions } from "../../../src/networks/args.ts";
import { keysOf, type LoraModule, loraModules } from "../../../src/networks/modules.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { TrainNetworkConfig } from "../../../src/training/config.ts";
import { networkTraining } from "../../../src/training/network_training.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close } from "../compare.ts";
import { synthTensor } from "../synth.ts";
import { caseModel, uploadSynth } from "../synth_models.ts";
import { readTrainArgs } from "../train_args.ts";
import { trainBatches } from "../train_inputs.ts";
import { full } from "./train/full.ts";
import { Recorder } from "./train/recorder.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "train") return null;
  const { json } = c;
  if (json.new_token_ids) return "textual inversion is not supported yet";
  const { config } = readTrainArgs(json.train_args);
  if (!/^(|AdamW)$/i.test(config.optimizerType)) {
    return `optimizer ${config.optimizerType} is not supported yet`;
  }
  return () => json.network ? run(c, config) : full(c, config);
}

/** torch.nn modules of the parts in training; initial values by the case's rule. */
function network(c: GoldenCase, config: TrainNetworkConfig) {
  const { json } = c;
  const model = caseModel(json);
  const flags = {
    dim: json.network.dim,
    alpha: json.network.alpha,
    dropout: json.network.dropout,
    args: Object.entries(json.network.network_args ?? {}).map(([key, value]) => `${key}=${value}`),
  };
  const options: LoraOptions = loraOptions(flags, model.family === "sdxl", true);
  const text = json.network.train_text_encoder && !config.networkTrainUnetOnly;
  const modules = loraModules(model.shapes, model.family, options).filter((m) => m.part === "unet" || text);
  return { model, options, modules, weights: initial(modules, json.initial_lora) };
}

/** "lora_down = synth.tensor(key); lora_up = float32(synth.tensor(key)*float32(0.1))", or "lora_up = 0". */
function initial(modules: readonly LoraModule[], rule: string): Map<string, Float32Array> {
  const factor = Math.fround(Number(/lora_up = .*float32\(([\d.]+)\)/.exec(rule)?.[1] ?? 0));
  const weights = new Map<string, Float32Array>();
  for (const module of modules) {
    const { down, up } = keysOf(module);
    weights.set(down, synthTensor(down, module.downShape));
    weights.set(up, synthTensor(up, module.upShape).map((x) => x * factor));
  }
  return weights;
}

async function run(c: GoldenCase, config: TrainNetworkConfig): Promise<Check[]> {
  const { json } = c;
  const { model, ...lora } = network(c, config);
  const device = goldenDevice();
  const store = new ParameterStore(device);
  try {
    uploadSynth(store, model.shapes, { wanted: (key) => !key.startsWith("first_stage_model") });
    const training = networkTraining(store, model, lora, config, { heads: model.heads });
    const batches = trainBatches(json, model.family, model.latentScale, config.priorLossWeight);
    const generators = { torch: new TorchGenerator(json.seed), python: new PythonRandom(json.seed) };
    const record = new Recorder(c, training);
    for (let k = 0; k < json.micro_steps; k++) {
      const rates = training.learningRates(training.step.state.optimizerSteps);
      record.add(k, rates, await training.train(batches(k), generators));
    }
    const weights = training.weights();
    const checks = record.checks(config, (name, wanted) => {
      const limit = json.tolerance.final_weights_rel_l2;
      return close(`final.${name}`, weights.get(name) ?? store.download(name), wanted, limit);
    });
    training.destroy();
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}
