/** Training steps of LoRA networks and of whole models: losses, rates, gradient norms, noise, first gradients and final weights. */
import { type LoraOptions, loraOptions } from "../../../src/networks/sites/args.ts";
import { DOWN, keysOf, loraModules, type NetworkModule, UP } from "../../../src/networks/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { findOptimizer } from "../../../src/training/optimizers/mod.ts";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { networkTraining } from "../../../src/training/trained/network_training.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close } from "../compare.ts";
import { synthTensor } from "../synth.ts";
import { caseModel, laterModel, uploadSynth } from "../synth_models.ts";
import { readTrainArgs } from "../train_args.ts";
import { encodedText, trainBatches } from "../train_inputs.ts";
import { inversionFiles } from "./train/inversion_files.ts";
import { inversion } from "./train/inversion.ts";
import { full } from "./train/full.ts";
import { Recorder } from "./train/recorder.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "train") return null;
  if (c.json.written) return () => inversionFiles(c);
  const { json } = c, later = notYet(json);
  if (later) return later;
  const { config } = readTrainArgs(json.train_args);
  if (!findOptimizer(config.optimizerType)) return `optimizer ${config.optimizerType} is not supported yet`;
  const inverted = json.new_token_ids || /textual_inversion/.test(json.reference ?? "");
  return () => inverted ? inversion(c, config) : networkOf(json, config) ? run(c, config) : full(c, config);
}

const SCRIPTS =
  /^((sdxl_)?train_network|train_db|fine_tune|sdxl_train|train_textual_inversion(_XTI)?|sdxl_train_textual_inversion)$/;

/** What keeps a case from being run: its model, the script that it follows or a flag of it. */
// deno-lint-ignore no-explicit-any -- the case as it is
function notYet(json: any): string | null {
  if (laterModel(json.model)) return laterModel(json.model);
  const script = /^(\w+)\.py/.exec(json.reference ?? "")?.[1] ?? "train_network";
  if (!SCRIPTS.test(script)) {
    return `${script} is not supported yet`;
  }
  return null;
}

/** A case's network; those that give a whole command line have it in there. */
// deno-lint-ignore no-explicit-any -- the case as it is
function networkOf(json: any, config: TrainNetworkConfig): any {
  if (json.network || !json.initial_lora) return json.network;
  return {
    dim: config.networkDim,
    alpha: config.networkAlpha,
    dropout: config.networkDropout,
    train_text_encoder: true,
  };
}

/** torch.nn modules of the parts in training; initial values by the case's rule. */
function network(c: GoldenCase, config: TrainNetworkConfig) {
  const { json } = c;
  const model = caseModel(json), network = networkOf(json, config);
  const flags = {
    dim: network.dim,
    alpha: network.alpha,
    dropout: network.dropout,
    args: Object.entries(network.network_args ?? {}).map(([key, value]) => `${key}=${value}`),
  };
  const options: LoraOptions = loraOptions(flags, model.family.sites.blocks, true);
  const text = network.train_text_encoder && !config.networkTrainUnetOnly;
  const modules = loraModules(model.shapes, model.family, options).filter((m) =>
    m.part === "unet" ? !config.networkTrainTextEncoderOnly : text
  );
  return { model, options, modules, weights: initial(modules, json.initial_lora) };
}

/** "lora_down = synth.tensor(key); lora_up = float32(synth.tensor(key)*float32(0.1))", or "lora_up = 0". */
function initial(modules: readonly NetworkModule[], rule: string): Map<string, Float32Array> {
  const factor = Math.fround(Number(/lora_up = .*float32\(([\d.]+)\)/.exec(rule)?.[1] ?? 0));
  const weights = new Map<string, Float32Array>();
  for (const module of modules) {
    const { down, up } = keysOf(module);
    weights.set(down, synthTensor(down, module.tensors[DOWN]));
    weights.set(up, synthTensor(up, module.tensors[UP]).map((x) => x * factor));
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
    const training = networkTraining(store, { ...model, encodedText: encodedText(json) }, lora, config);
    const batches = await trainBatches(json, model.family, model.latentScale, config.priorLossWeight);
    const generators = { torch: new TorchGenerator(json.seed), python: new PythonRandom(json.seed) };
    const record = new Recorder(c, training);
    for (let k = 0; k < (json.micro_steps ?? json.steps); k++) {
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
