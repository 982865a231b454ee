/**
 * What kohya_ss saves of its form (bmaltais/kohya_ss, kohya_gui/*_gui.py): the names of fields, of which most are flags.
 * The others become the flags that its form makes of them; what is left has no flag and is kept as unknown.
 */

import type { TomlValue } from "../../formats/toml.ts";
import { UserError } from "../../base/errors.ts";
import type { Texts } from "../../options/given/config_file.ts";
import { isUnset } from "../../options/given/unset.ts";
import { inlineToml } from "../../options/given/written.ts";
import type { AnyOption, Rows } from "../../options/mod.ts";
import type { Draft } from "./draft.ts";
import { draftOfWords } from "./line.ts";
import { shellWords } from "./shell.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Fields whose flag has another name, the newest name of the field first. */
const RENAMED: Readonly<Record<string, string>> = {
  optimizer: "optimizer_type",
  max_resolution: "resolution",
  lora_network_weights: "network_weights",
  sdxl_no_half_vae: "no_half_vae",
  sdxl_cache_text_encoder_outputs: "cache_text_encoder_outputs",
  num_cpu_threads_per_process: "threads",
  template: "use_template",
};

/** Fields that hold a whole list of words. */
const WORDS = ["optimizer_args", "lr_scheduler_args", "network_args"];

/** Where the form takes 0 for "not wanted". */
const ZERO_IS_NONE = `
  adaptive_noise_scale clip_skip fused_optimizer_groups ip_noise_gamma lr_scheduler_power max_timestep
  max_train_epochs max_train_steps min_snr_gamma min_timestep multires_noise_discount
  multires_noise_iterations network_dropout noise_offset sample_every_n_epochs sample_every_n_steps
  save_every_n_epochs save_every_n_steps save_last_n_epochs save_last_n_epochs_state save_last_n_steps
  save_last_n_steps_state save_n_epoch_ratio scale_weight_norms seed stop_text_encoder_training
  text_encoder_lr unet_lr v_pred_like_loss vae_batch_size max_data_loader_n_workers lr_warmup_steps
`.trim().split(/\s+/);

const BLOCKS = ["down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold", "block_dims"];
const DROPOUTS = ["rank_dropout", "module_dropout"];
const PLAIN = [...BLOCKS, "block_alphas", "conv_block_dims", "conv_block_alphas", ...DROPOUTS];
const LYCORIS = ["conv_dim", "conv_alpha", "use_tucker", "rank_dropout_scale", "train_norm", ...DROPOUTS];
const DECOMPOSED = [...LYCORIS, "bypass_mode", "dora_wd", "use_scalar"];

interface NetworkKind {
  readonly module: string;
  /** Of lycoris.kohya. */
  readonly algo?: string;
  /** Fields that are words of --network_args where they are set. */
  readonly takes: readonly string[];
}

const KINDS: Readonly<Record<string, NetworkKind>> = {
  Standard: { module: "networks.lora", takes: PLAIN },
  "Kohya LoCon": { module: "networks.lora", takes: ["conv_dim", "conv_alpha", ...PLAIN] },
  "LoRA-FA": { module: "networks.lora_fa", takes: PLAIN },
  "Kohya DyLoRA": { module: "networks.dylora", takes: ["conv_dim", "conv_alpha", "unit", ...PLAIN] },
  "Kohya LoHa": { module: "networks.loha", takes: ["conv_dim", "conv_alpha", "use_tucker", ...DROPOUTS] },
  "Kohya LoKr": {
    module: "networks.lokr",
    takes: ["conv_dim", "conv_alpha", "use_tucker", "factor", ...DROPOUTS],
  },
  LoCon: { module: "lycoris.kohya", algo: "locon", takes: DECOMPOSED },
  "LyCORIS/LoCon": { module: "lycoris.kohya", algo: "locon", takes: DECOMPOSED },
  "LyCORIS/LoHa": { module: "lycoris.kohya", algo: "loha", takes: DECOMPOSED },
  "LyCORIS/LoKr": {
    module: "lycoris.kohya",
    algo: "lokr",
    takes: [...DECOMPOSED, "factor", "decompose_both"],
  },
  "LyCORIS/DyLoRA": { module: "lycoris.kohya", algo: "dylora", takes: LYCORIS },
  "LyCORIS/GLoRA": { module: "lycoris.kohya", algo: "glora", takes: LYCORIS },
  "LyCORIS/iA3": {
    module: "lycoris.kohya",
    algo: "ia3",
    takes: ["conv_dim", "conv_alpha", "train_on_input"],
  },
  "LyCORIS/Diag-OFT": { module: "lycoris.kohya", algo: "diag-oft", takes: [...LYCORIS, "rescaled"] },
  "LyCORIS/BOFT": { module: "lycoris.kohya", algo: "boft", takes: LYCORIS },
  "LyCORIS/Native Fine-Tuning": { module: "lycoris.kohya", algo: "full", takes: [...DROPOUTS, "train_norm"] },
};

/** Boxes of its form that choose other scripts. */
const FAMILIES = ["flux1", "sd3", "hunyuan_image", "anima", "lumina"];

/** The script that the form would start. Throws UserError for what is none of its files. */
export function commandOfGuiFile(tree: unknown): string {
  const fields = fieldsOf(tree);
  const kind = "LoRA_type" in fields || "network_dim" in fields ? "train_network" : "train";
  const other = FAMILIES.find((name) => fields[`${name}_checkbox`] === true || fields[name] === true);
  if (other !== undefined) return `${other.replace("flux1", "flux")}_${kind}`;
  const large = fields.sdxl === true || fields.sdxl_checkbox === true;
  if ("token_string" in fields) return large ? "sdxl_train_textual_inversion" : "train_textual_inversion";
  if (kind === "train_network") return large ? "sdxl_train_network" : "train_network";
  return large
    ? "sdxl_train"
    : "image_folder" in fields || "dataset_repeats" in fields
    ? "fine_tune"
    : "train_db";
}

function fieldsOf(tree: unknown): Fields {
  const fields = typeof tree === "object" && tree !== null && !Array.isArray(tree) ? tree as Fields : {};
  if ("pretrained_model_name_or_path" in fields || "LoRA_type" in fields || "learning_rate" in fields) {
    return fields;
  }
  throw new UserError(
    "the JSON is no form that kohya_ss saved: it names neither a model nor a learning rate",
  );
}

export function draftOfGuiFile(tree: unknown, rows: Rows): { draft: Draft; notes: string[] } {
  const fields = fieldsOf(tree), notes: string[] = [];
  const values: Record<string, Texts> = {}, used = new Set<string>();
  for (const [field, value] of Object.entries(fields)) {
    const name = Object.hasOwn(RENAMED, field) ? RENAMED[field] : field;
    const row = Object.hasOwn(rows, name) ? rows[name] : null;
    if (row === null) continue;
    const texts = textsOfField(name, row, value);
    if (texts === null) continue;
    used.add(field);
    if (texts !== "") values[name] = texts;
  }
  for (const [names, made] of DERIVED.map((derive) => derive(fields, rows))) {
    for (const name of names) used.add(name);
    Object.assign(values, made);
  }
  const more = draftOfWords(shellWords(String(fields.additional_parameters ?? "")).commands.flat(), rows);
  used.add("additional_parameters");
  const left = Object.entries(fields).filter(([field, value]) => !used.has(field) && !isNothing(value));
  const unknown = Object.fromEntries(left.map(([field, value]) => [field, inlineToml(asToml(value))]));
  if (left.length) notes.push("fields that are no flags of this command were kept as unknown");
  return {
    draft: {
      values: { ...values, ...more.values },
      unknown: { ...unknown, ...more.unknown },
      positionals: [],
    },
    notes,
  };
}

/** "" for a field that is not set, null for one that no command line can say. */
function textsOfField(name: string, row: AnyOption, value: unknown): Texts | null {
  if (value === null || isUnset(row, value)) return "";
  if (ZERO_IS_NONE.includes(name) && Number(value) === 0) return "";
  if (row.type === "flag") {
    return value === true || value === 1 ? true : value === false || value === 0 ? "" : null;
  }
  if (WORDS.includes(name) && typeof value === "string") return shellWords(value).commands.flat();
  if (name === "sample_prompts" && /\n|^(?!.*\.(txt|json|toml)$)/s.test(String(value))) return null;
  if (row.nargs !== null) return Array.isArray(value) ? value.map(String) : [String(value)];
  return typeof value === "object" ? null : String(value);
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || value === false || value === 0 ||
    value === "0";
}

function asToml(value: unknown): TomlValue {
  if (Number.isInteger(value)) return BigInt(value as number);
  return typeof value === "object" ? JSON.stringify(value) : value as TomlValue;
}

/** By the command itself, and by which of the noise's flags are set. */
const SAID_OTHERWISE = "sdxl sdxl_checkbox noise_offset_type".split(" ");

/** Flags that several fields make together, with the fields that they stand for. */
const DERIVED: readonly ((fields: Fields, rows: Rows) => [string[], Record<string, Texts>])[] = [
  function network(fields, rows) {
    const kind = KINDS[String(fields.LoRA_type)];
    if (kind === undefined || !("network_module" in rows)) return [[], {}];
    const set = kind.takes.filter((name) => !isNothing(fields[name]));
    const words = set.map((name) => `${name}=${fields[name] === true ? "True" : fields[name]}`);
    const args = kind.algo ? [`algo=${kind.algo}`, ...words] : words;
    const preset = kind.algo && fields.LyCORIS_preset ? [`preset=${fields.LyCORIS_preset}`] : [];
    const all = [...args, ...preset, ...plus(fields)];
    const made = { network_module: kind.module, ...all.length ? { network_args: all } : {} };
    return [["LoRA_type", "LyCORIS_preset", ...set, ...LORA_PLUS], made];
  },
  function parts(fields, rows) {
    if (!("network_train_unet_only" in rows)) return [[], {}];
    const unet = Number(fields.unet_lr ?? 0), text = Number(fields.text_encoder_lr ?? 0);
    if (unet > 0 === text > 0) return [[], {}];
    return [[], { [unet > 0 ? "network_train_unet_only" : "network_train_text_encoder_only"]: true }];
  },
  function epochs(fields, rows) {
    const given = Number(fields.max_train_steps ?? 0) || Number(fields.max_train_epochs ?? 0);
    if (given || !Number(fields.epoch ?? 0) || !("max_train_epochs" in rows)) return [["epoch"], {}];
    return [["epoch"], { max_train_epochs: String(fields.epoch) }];
  },
  function warmup(fields) {
    const percent = Number(fields.lr_warmup ?? 0);
    if (!percent || Number(fields.lr_warmup_steps ?? 0)) return [["lr_warmup"], {}];
    return [["lr_warmup"], { lr_warmup_steps: `${percent}%` }];
  },
  function attention(fields) {
    const name = String(fields.xformers ?? "");
    return [["xformers"], name === "sdpa" || name === "xformers" ? { [name]: true } : {}];
  },
  (fields) => [SAID_OTHERWISE.filter((name) => name in fields), {}],
];

const LORA_PLUS = ["loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio"];

function plus(fields: Fields): string[] {
  return LORA_PLUS.filter((name) => !isNothing(fields[name])).map((name) => `${name}=${fields[name]}`);
}
