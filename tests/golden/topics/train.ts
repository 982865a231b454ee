/** Training steps of LoRA networks: losses, rates, gradient norms, noise, first gradients and final weights. */
import { type LoraOptions, loraOptions } from "../../../src/networks/args.ts";
import { keysOf, type LoraModule, loraModules } from "../../../src/networks/modules.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { TrainNetworkConfig } from "../../../src/training/config.ts";
import type { DiffusionTraining, StepResult } from "../../../src/training/diffusion_training.ts";
import { networkTraining } from "../../../src/training/network_training.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close, exact, within } from "../compare.ts";
import { toChannelsFirst } from "../layout.ts";
import { synthTensor } from "../synth.ts";
import { caseModel, uploadSynth } from "../synth_models.ts";
import { readTrainArgs } from "../train_args.ts";
import { trainBatches } from "../train_inputs.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "train") return null;
  const { json } = c;
  if (json.new_token_ids) return "textual inversion is not supported yet";
  if (!json.network) return "full fine-tuning cases are not run yet";
  const { config } = readTrainArgs(json.train_args);
  if (!/^(|AdamW)$/i.test(config.optimizerType)) {
    return `optimizer ${config.optimizerType} is not supported yet`;
  }
  if (config.scaleWeightNorms !== null) return "--scale_weight_norms is not supported yet";
  return () => run(c, config);
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
    const record = new Recorder(c, training, store);
    for (let k = 0; k < json.micro_steps; k++) {
      const rates = training.learningRates(training.step.state.optimizerSteps);
      record.add(k, rates, await training.train(batches(k), generators));
    }
    training.destroy();
    return record.checks(config);
  } finally {
    store.destroy();
    device.close();
  }
}

/** Gathers what the steps gave and compares it with the case. */
class Recorder {
  private readonly results: StepResult[] = [];
  private readonly rates: number[][] = [];
  private readonly all: Check[] = [];

  constructor(
    private readonly c: GoldenCase,
    private readonly training: DiffusionTraining,
    private readonly store: ParameterStore,
  ) {}

  add(k: number, rates: number[], result: StepResult): void {
    this.results.push({ ...result, outputs: { ...result.outputs } });
    if (result.gradNorm !== null) this.rates.push(rates);
    if (k === 0) this.first(result);
  }

  private first({ draws, outputs }: StepResult): void {
    const tensors = this.c.tensors(), { tolerance } = this.c.json;
    const compare = (name: string, values: Float32Array, limit: number, absolute: boolean) => {
      const key = `step1.${name}`;
      if (!tensors.has(key)) return;
      this.all.push((absolute ? within : close)(key, values, tensors.f32(key), limit));
    };
    const noise = tolerance.noise_abs ?? 2e-6;
    compare("noise", draws.noise, noise, true);
    // latents reach 5 and their rounding with them
    compare("noisy_latents", draws.noisyLatents, 2 * noise, true);
    compare("target", draws.target, 2 * noise, true);
    if (!tensors.has("step1.noise_pred")) return;
    const shape = tensors.info("step1.noise_pred").shape;
    compare("noise_pred", toChannelsFirst(outputs.prediction, shape), 1e-4, false);
  }

  checks(config: TrainNetworkConfig): Check[] {
    const { json } = this.c, { expected, tolerance } = json, tensors = this.c.tensors();
    const relative = (what: string, got: ArrayLike<number>, want: number[], limit: number) => {
      const errors = want.map((w, i) => Math.abs(got[i] - w) / Math.max(Math.abs(w), 1e-12));
      const worst = errors.reduce((a, e, i) => e > errors[a] || Number.isNaN(e) ? i : a, 0);
      const missing = got.length === want.length ? 0 : NaN;
      this.all.push({ what, error: errors[worst] + missing, limit, note: `step ${worst + 1}` });
    };
    relative("loss", this.results.map((r) => r.loss), expected.loss, tolerance.loss_rel);
    const norms = this.results.flatMap((r) => r.gradNorm === null ? [] : [r.gradNorm]);
    relative("grad_norm", norms, expected.grad_norm, tolerance.grad_norm_rel);
    // module dropout steps every module by itself: equal groups count once
    const { groups } = this.training.parts;
    const first = groups.map((g, i) => groups.findIndex((other) => other.name === g.name) === i);
    relative("lr", this.rates.flatMap((r) => r.filter((_, i) => first[i])), expected.lr.flat(), 1e-9);
    this.all.push(exact("timesteps", this.results.map((r) => [...r.draws.timesteps]), expected.timesteps));
    if (expected.per_sample_loss_before_snr_weighting && config.priorLossWeight === 1) {
      const want: number[][] = expected.per_sample_loss_before_snr_weighting;
      relative(
        "sample losses",
        this.results.flatMap((r) => [...r.outputs.sample_losses]),
        want.flat(),
        tolerance.loss_rel,
      );
    }
    if (expected.huber_c) {
      relative(
        "huber_c",
        this.results.flatMap((r) => [...r.draws.huberC ?? []]),
        expected.huber_c.flat(),
        1e-6,
      );
    }
    for (const [name, pick] of [["all.noise", "noise"], ["all.noisy_latents", "noisyLatents"]] as const) {
      if (!tensors.has(name)) continue;
      const got = this.results.flatMap((r) => [...r.draws[pick]]);
      this.all.push(within(name, got, tensors.f32(name), 2 * (tolerance.noise_abs ?? 2e-6)));
    }
    const weights = this.training.weights();
    for (const key of tensors.keys().filter((key) => key.startsWith("final."))) {
      const name = key.slice("final.".length);
      const values = weights.get(name) ?? this.store.download(name);
      this.all.push(close(key, values, tensors.f32(key), tolerance.final_weights_rel_l2));
    }
    return this.all;
  }
}
