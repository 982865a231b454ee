/** What loads, and what comes out of it: every variant of a checkpoint or autoencoder file that the reference was given. */

import { UserError } from "../../../../src/base/errors.ts";
import { openModel, type PartOptions } from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { caseModel } from "../../synth_models.ts";
import { digests } from "./digest.ts";
import {
  converted,
  extraKeys,
  fromShapes,
  inFolder,
  ones,
  positions,
  renamed,
  reshaped,
  synthetic,
  type Tensors,
  writePickled,
  writeTensors,
} from "./variants.ts";

/** Writes a variant into a folder and returns its path. */
type Writer = (folder: string, whole: Tensors) => string;

const file = (change: (whole: Tensors) => Tensors): Writer => (folder, whole) =>
  writeTensors(`${folder}/model.safetensors`, change(whole));
const pickled = (form: "zip" | "legacy", below?: string): Writer => (folder, whole) =>
  writePickled(`${folder}/model.ckpt`, whole, { form, below });

const IDS = "text_model.embeddings.position_ids";
/** Where the family has its CLIP-L. */
const clip = (whole: Tensors) =>
  whole.has("conditioner.embedders.1.model.ln_final.weight")
    ? "conditioner.embedders.0.transformer."
    : "cond_stage_model.transformer.";
const with_ = (...entries: Parameters<Tensors["set"]>[]) => (whole: Tensors) =>
  new Map([...whole, ...entries]);
const withText = (...entries: Parameters<Tensors["set"]>[]) => (whole: Tensors) =>
  with_(...entries.map(([key, tensor]): typeof entries[0] => [clip(whole) + key, tensor]))(whole);
const without = (pattern: RegExp) => (whole: Tensors) =>
  renamed(whole, (key) => pattern.test(key) ? null : key);
const old = (whole: Tensors) =>
  renamed(whole, (key) => key.replace(`${clip(whole)}text_model.`, clip(whole)));
const same = (whole: Tensors) => whole;

const VARIANTS: Readonly<Record<string, Writer>> = {
  safetensors: file(same),
  safetensors_fp16: file((whole) => converted(whole, "F16")),
  safetensors_bf16: file((whole) => converted(whole, "BF16")),
  position_ids_int64: file(withText([IDS, positions("I64")])),
  position_ids_float16: file(withText([IDS, positions("F16")])),
  text_encoder_without_text_model: file(old),
  without_text_model_with_position_ids: file((whole) =>
    withText(["embeddings.position_ids", positions("I64")])(old(whole))
  ),
  extra_ema_keys: file((whole) =>
    with_(...extraKeys(), ["model_ema.diffusion_modelinput_blocks00weight", ones(3)])(
      withText([IDS, positions("I64")])(whole),
    )
  ),
  vae_attention_linear: file((whole) =>
    reshaped(whole, (key, shape) => /\.attn_1\.\w+\.weight$/.test(key) ? shape.slice(0, 2) : shape)
  ),
  ckpt_nested: pickled("zip", "state_dict"),
  ckpt_flat: pickled("zip"),
  ckpt_legacy_nested: pickled("legacy", "state_dict"),
  ckpt_parameters: pickled("zip", "state_dict"),
  ckpt_model_entry: pickled("zip", "model"),
  prefix_model_dot: file((whole) => renamed(whole, (key) => `model.${key}`)),
  unet_only: file(without(/^(cond_stage_model|conditioner|first_stage_model)\./)),
  no_text_encoder: file(without(/^(cond_stage_model|conditioner)\./)),
  no_text_encoders: file(without(/^conditioner\./)),
  no_text_encoder_1: file(without(/^conditioner\.embedders\.0\./)),
  no_text_encoder_2: file(without(/^conditioner\.embedders\.1\./)),
  no_vae: file(without(/^first_stage_model\./)),
  one_unet_key_missing: file(without(/diffusion_model\.out\.2\.bias$/)),
  text_encoder_extra_key: file(withText(["text_model.extra", ones(3)])),
  unet_extra_key: file(with_(["model.diffusion_model.extra", ones(3)])),
  three_resblocks: file(without(/resblocks\.3\./)),
  without_logit_scale: file(without(/logit_scale/)),
  no_logit_scale: file(without(/logit_scale/)),
  without_text_projection: file(without(/text_projection/)),
  no_text_projection: file(without(/text_projection/)),
  no_text_projection_no_logit_scale: file(without(/text_projection|logit_scale/)),
  proj_as_conv: file((whole) =>
    reshaped(
      whole,
      (key, shape) => /\.proj_(in|out)\.weight$/.test(key) && shape.length === 2 ? [...shape, 1, 1] : shape,
    )
  ),
  sd1_style_text_encoder_prefix: file((whole) =>
    renamed(whole, (key) => key.replace("cond_stage_model.model.", clip(whole)))
  ),
};

/** What the reference refuses and easel reads, with the variant that it then is the same as. */
const READ_HERE: Readonly<Record<string, string>> = {
  ckpt_model_entry: "safetensors",
  prefix_model_dot: "safetensors",
  text_encoder_without_text_model: "safetensors",
  without_text_model_with_position_ids: "safetensors",
  "proj_as_conv/linear": "proj_as_conv/conv",
};

export function loaded({ json }: GoldenCase): Promise<Check[]> {
  const { family, shapes } = caseModel(json);
  const whole = fromShapes(shapes);
  const [text] = family.textEncoders.slice(-1);
  if (text.layout !== "clip_l") {
    for (const name of ["text_projection", "logit_scale"]) {
      const key = `${text.scope}.${name}`, shape = name === "logit_scale" ? [] : [64, 64];
      if (!whole.has(key)) whole.set(key, synthetic(shape, key));
    }
  }
  return inFolder((folder) =>
    Object.entries(json.results).map(([title, recorded]): Check => {
      const [name] = title.split("/"), [, projection] = (READ_HERE[title] ?? title).split("/");
      const wanted = json.results[READ_HERE[title]] ?? recorded as { digest?: unknown };
      const linearProjection = projection !== "conv";
      const options = { layers: json.config.clip?.layers_used, linearProjection };
      const write = VARIANTS[name];
      const found = write ? outcome(write(folder, whole), options) : "a variant that is not known";
      return exact(title, found, wanted.digest ?? "refused");
    })
  );
}

/** The digests of what a file holds, or "refused". */
export function outcome(path: string, options: PartOptions = {}): unknown {
  try {
    const model = openModel(path);
    try {
      return digests(model, options);
    } finally {
      model.close();
    }
  } catch (error) {
    if (error instanceof UserError && error.message.startsWith(path)) return "refused";
    throw error;
  }
}
