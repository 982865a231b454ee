/** Training whole models: the changes of weights are compared, which are small beside the weights, or the weights closely. */
import { below, UNET, unetKeys } from "../../../../src/models/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import { ParameterStore } from "../../../../src/runtime/mod.ts";
import type { TrainNetworkConfig } from "../../../../src/training/options.ts";
import { isTrained } from "../../../../src/training/trained/full_groups.ts";
import { FULL_DEFAULTS, type FullOptions } from "../../../../src/training/trained/full_options.ts";
import { fullTraining } from "../../../../src/training/trained/full_training.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, sample } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { synthTensor } from "../../synth.ts";
import { caseModel, type SynthModel, uploadSynth } from "../../synth_models.ts";
import { readTrainArgs } from "../../train_args.ts";
import { trainBatches } from "../../train_inputs.ts";
import { Recorder } from "./recorder.ts";

const TEXT = "cond_stage_model.transformer";

export async function full(c: GoldenCase, config: TrainNetworkConfig): Promise<Check[]> {
  const { json } = c, model = caseModel(json), { family } = model;
  const settings = { ...config, ...optionsOf(json) };
  const device = goldenDevice(), store = new ParameterStore(device);
  const initial = (key: string) => synthTensor(key, model.shapes.get(key)!);
  try {
    const shapes = new Map([...model.shapes].filter(([key]) => !key.startsWith("first_stage_model")));
    uploadSynth(store, shapes, { wanted: (key) => !isTrained(family, settings, key) });
    const late = new Map([...shapes].filter(([key]) => !store.has(key)));
    const training = fullTraining(store, { family, shapes }, settings, initial);
    // of trained parts, but without a gradient
    uploadSynth(store, late, { wanted: (key) => !store.has(key) });
    const batches = await trainBatches(json, family, model.latentScale, config.priorLossWeight);
    const generators = { torch: new TorchGenerator(json.seed), python: new PythonRandom(json.seed) };
    const record = new Recorder(c, training), ids: number[] = [], textNorms: number[] = [];
    for (let k = 0; k < json.steps; k++) {
      const batch = batches(k);
      ids.push(...batch.model.input_ids as Int32Array);
      textNorms.push(textNorm(store, model));
      record.add(
        k,
        training.learningRates(training.step.state.optimizerSteps),
        await training.train(batch, generators),
      );
    }
    const names = json.tolerance.update_rel_l2 === undefined ? finalNames(model) : changeNames(model, ids);
    const checks = record.checks(config, (name, wanted) => {
      const sampled = name.replace(/_sample$/, ""), { key, pick } = names(sampled, wanted.length);
      const after = pick(store.download(key));
      const got = sampled === name ? after : sample(after, wanted.length);
      const limit: number | undefined = json.tolerance.update_rel_l2;
      if (limit === undefined) {
        return close(`final ${name}`, got, wanted, Math.max(1e-4, 10 * json.sensitivity.final[sampled]));
      }
      const before = pick(initial(key));
      const change = (values: ArrayLike<number>) => Float64Array.from(values, (v, i) => v - before[i]);
      return close(`change of ${name}`, change(got), change(wanted), limit);
    });
    const norms: number[] | undefined = json.expected.text_encoder_l2_before_each_update;
    if (norms) checks.push(close("text encoder", textNorms, norms, 1e-6));
    training.destroy();
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}

/** The flags that only these scripts have. */
// deno-lint-ignore no-explicit-any -- the case as it is
function optionsOf(json: any): Omit<FullOptions, "learningRate" | "compat" | "fullBf16" | "fullFp16"> {
  const { others } = readTrainArgs(json.train_args);
  const number = (name: string) => others[name] === undefined ? null : Number(others[name]);
  const dreamBooth = /^train_db/.test(json.reference ?? "");
  return {
    ...FULL_DEFAULTS,
    trainTextEncoder: json.train_text_encoder ?? (dreamBooth || others.train_text_encoder !== undefined),
    learningRateTe: number("learning_rate_te"),
    learningRateTe1: number("learning_rate_te1"),
    learningRateTe2: number("learning_rate_te2"),
    blockLr: others.block_lr ?? null,
    stopTextEncoderTraining: number("stop_text_encoder_training"),
    fusedOptimizerGroups: number("fused_optimizer_groups"),
  };
}

function textNorm(store: ParameterStore, { family, shapes }: SynthModel): number {
  const { scope } = family.textEncoders[0];
  const keys = [...shapes.keys()].filter((key) => key.startsWith(`${scope}.`));
  return Math.sqrt(keys.reduce((sum, key) => sum + store.download(key).reduce((s, x) => s + x * x, 0), 0));
}

/** Where a tensor of a case lies. */
type Names = (name: string, count: number) => { key: string; pick: (values: Float32Array) => Float32Array };

const whole = (values: Float32Array) => values;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** te. and unet. before diffusers' names; some rows of the token embedding are those of the first caption, in its order. */
function changeNames({ shapes }: SynthModel, ids: readonly number[]): Names {
  const rows = unetKeys(below(shapes, `${UNET}.`), { linearProjection: false });
  const unet = new Map(rows.map(({ original, other }) => [`unet.${other}`, `${UNET}.${original}`]));
  return (name, count) => {
    const part = /^te\.token_embedding_rows_(used|unused_(\d+)_(\d+))$/.exec(name);
    if (!part) return { key: unet.get(name) ?? name.replace(/^te\./, `${TEXT}.`), pick: whole };
    const key = `${TEXT}.text_model.embeddings.token_embedding.weight`, width = shapes.get(key)!.at(-1)!;
    const chosen = part[2] ? range(Number(part[2]), Number(part[3])) : ids.slice(0, count / width);
    return {
      key,
      pick: (values) =>
        Float32Array.from(chosen.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)])),
    };
  };
}

/** transformers' names of SDXL's second text encoder; all others are the checkpoint's. */
const SECOND: readonly (readonly [RegExp, string])[] = [
  [/^text_model\.embeddings\.position_embedding\.weight$/, "positional_embedding"],
  [/^text_model\.embeddings\./, ""],
  [/^text_model\.final_layer_norm/, "ln_final"],
  [/^text_projection\.weight$/, "text_projection"],
  [/^text_model\.encoder\.layers/, "transformer.resblocks"],
  [/\.self_attn\.[qkv]_proj\./, ".attn.in_proj_"],
  [/\.self_attn\./, ".attn."],
  [/\.layer_norm([12])\./, ".ln_$1."],
  [/\.fc1\./, ".c_fc."],
  [/\.fc2\./, ".c_proj."],
];

function finalNames({ family, shapes }: SynthModel): Names {
  return (name) => {
    const second = /^text_encoder_2\.(.*)$/.exec(name)?.[1];
    if (second === undefined) return { key: name, pick: whole };
    const key = `${family.textEncoders[1].scope}.${
      SECOND.reduce((n, [from, to]) => n.replace(from, to), second)
    }`;
    const part = /\.([qkv])_proj\./.exec(second), size = shapes.get(key)!.reduce((n, d) => n * d, 1) / 3;
    if (!part) return { key, pick: whole };
    const begin = "qkv".indexOf(part[1]) * size;
    return { key, pick: (values) => values.slice(begin, begin + size) };
  };
}
