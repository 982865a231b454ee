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

const CLIP = "cond_stage_model.transformer.", IDS = "text_model.embeddings.position_ids";
const with_ = (...entries: Parameters<Tensors["set"]>[]) => (whole: Tensors) =>
  new Map([...whole, ...entries]);
const without = (pattern: RegExp) => (whole: Tensors) =>
  renamed(whole, (key) => pattern.test(key) ? null : key);
const old = (whole: Tensors) => renamed(whole, (key) => key.replace(`${CLIP}text_model.`, CLIP));
const same = (whole: Tensors) => whole;

const VARIANTS: Readonly<Record<string, Writer>> = {
  safetensors: file(same),
  safetensors_fp16: file((whole) => converted(whole, "F16")),
  safetensors_bf16: file((whole) => converted(whole, "BF16")),
  position_ids_int64: file(with_([CLIP + IDS, positions("I64")])),
  position_ids_float16: file(with_([CLIP + IDS, positions("F16")])),
  text_encoder_without_text_model: file(old),
  without_text_model_with_position_ids: file((whole) =>
    with_([CLIP + "embeddings.position_ids", positions("I64")])(old(whole))
  ),
  extra_ema_keys: file(with_(
    ...extraKeys(),
    [CLIP + IDS, positions("I64")],
    ["model_ema.diffusion_modelinput_blocks00weight", ones(3)],
  )),
  vae_attention_linear: file((whole) =>
    reshaped(whole, (key, shape) => /\.attn_1\.\w+\.weight$/.test(key) ? shape.slice(0, 2) : shape)
  ),
  ckpt_nested: pickled("zip", "state_dict"),
  ckpt_flat: pickled("zip"),
  ckpt_legacy_nested: pickled("legacy", "state_dict"),
  ckpt_parameters: pickled("zip", "state_dict"),
  ckpt_model_entry: pickled("zip", "model"),
  prefix_model_dot: file((whole) => renamed(whole, (key) => `model.${key}`)),
  unet_only: file(without(/^(cond_stage|first_stage)_model\./)),
  no_text_encoder: file(without(/^cond_stage_model\./)),
  no_vae: file(without(/^first_stage_model\./)),
  one_unet_key_missing: file(without(/diffusion_model\.out\.2\.bias$/)),
  text_encoder_extra_key: file(with_([`${CLIP}text_model.extra`, ones(3)])),
  unet_extra_key: file(with_(["model.diffusion_model.extra", ones(3)])),
  three_resblocks: file(without(/resblocks\.3\./)),
  no_text_projection_no_logit_scale: file(without(/text_projection|logit_scale/)),
  proj_as_conv: file((whole) =>
    reshaped(
      whole,
      (key, shape) => /\.proj_(in|out)\.weight$/.test(key) && shape.length === 2 ? [...shape, 1, 1] : shape,
    )
  ),
  sd1_style_text_encoder_prefix: file((whole) =>
    renamed(whole, (key) => key.replace("cond_stage_model.model.", CLIP))
  ),
};

/** What the reference refuses and easel reads, with the variant that it then is the same as. */
const READ_HERE: Readonly<Record<string, string>> = {
  ckpt_model_entry: "safetensors",
  prefix_model_dot: "safetensors",
  "proj_as_conv/linear": "proj_as_conv/conv",
};

export function loaded({ json }: GoldenCase): Promise<Check[]> {
  const { family, shapes } = caseModel(json);
  const whole = fromShapes(shapes);
  if (family.name === "sd2") {
    for (const [name, shape] of [["text_projection", [64, 64]], ["logit_scale", []]] as const) {
      whole.set(`cond_stage_model.model.${name}`, synthetic(shape, `cond_stage_model.model.${name}`));
    }
  }
  return inFolder((folder) =>
    Object.entries(json.results).map(([title, recorded]): Check => {
      const [name, projection] = title.split("/");
      const wanted = json.results[READ_HERE[title]] ?? recorded as { digest?: unknown };
      const linearProjection = projection !== "conv" && wanted === recorded;
      const options = { layers: json.config.clip.layers_used, linearProjection };
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
