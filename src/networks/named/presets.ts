/** LyCORIS's presets (its config.py) and TOML files of the same form: which layers a network joins, and how. */

import { plainToml, readToml } from "../../formats/mod.ts";
import { UsageError } from "../../base/errors.ts";
import type { Target } from "../sites/targets.ts";

/** What a class or a name asks for beside the network's own options, by LyCORIS's keys. */
export type Rule = Readonly<Record<string, unknown>>;

export interface Preset {
  /** Convolutions over more than one pixel. */
  readonly enableConv: boolean;
  /** Classes whose layers are joined, see Target.within. */
  readonly unetModules: readonly string[];
  readonly textModules: readonly string[];
  /** Layers by their place: its end, or a regular expression from its beginning. */
  readonly unetNames: readonly string[];
  readonly textNames: readonly string[];
  readonly byClass: Readonly<Record<string, Rule>>;
  readonly byName: Readonly<Record<string, Rule>>;
  /** Names are shell patterns. */
  readonly useFnmatch: boolean;
}

const TRANSFORMER = "Transformer2DModel", RESAMPLERS = ["Downsample2D", "Upsample2D"];
const TEXT = ["CLIPAttention", "CLIPSdpaAttention", "CLIPMLP"],
  TIME = ["time_embedding.linear_1", "time_embedding.linear_2"];
const ALL = {
  enableConv: true,
  unetModules: [TRANSFORMER, "ResnetBlock2D", ...RESAMPLERS],
  unetNames: ["conv_in", "conv_out", ...TIME],
};
const NONE: Preset = {
  ...{ enableConv: false, unetModules: [], textModules: [], unetNames: [], textNames: [] },
  ...{ byClass: {}, byName: {}, useFnmatch: false },
};

export const PRESETS: Readonly<Record<string, Preset>> = {
  "full": { ...NONE, ...ALL, textModules: TEXT },
  "full-lin": { ...NONE, unetModules: [TRANSFORMER, "ResnetBlock2D"], unetNames: TIME, textModules: TEXT },
  "attn-mlp": { ...NONE, unetModules: [TRANSFORMER], textModules: TEXT },
  "attn-only": { ...NONE, unetModules: ["CrossAttention", "SelfAttention"], textModules: TEXT.slice(0, 2) },
  "unet-only": { ...NONE, ...ALL },
  "unet-transformer-only": { ...NONE, unetModules: [TRANSFORMER] },
  "unet-convblock-only": {
    ...{ ...NONE, enableConv: true },
    ...{ unetModules: ["ResnetBlock2D", ...RESAMPLERS], unetNames: ["conv_in", "conv_out"] },
  },
  "ia3": {
    ...{ ...NONE, unetNames: ["to_k", "to_v", "ff.net.2"], textNames: ["k_proj", "v_proj", "mlp.fc2"] },
    byName: { "mlp.fc2": { train_on_input: true }, "ff.net.2": { train_on_input: true } },
  },
};

/** Keys of a TOML file. */
const KEYS = {
  enable_conv: "enableConv",
  unet_target_module: "unetModules",
  unet_target_name: "unetNames",
  text_encoder_target_module: "textModules",
  text_encoder_target_name: "textNames",
  module_algo_map: "byClass",
  name_algo_map: "byName",
  use_fnmatch: "useFnmatch",
} as const;

/** A preset by name, or of a file; what a file leaves out is as in "full". Throws UserError and UsageError. */
export function presetNamed(name: string): Preset {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name];
  if (!/\.toml$/i.test(name)) {
    throw new UsageError(
      `--network_args preset=${name}: there is no such preset; give one of ${
        Object.keys(PRESETS).join(", ")
      }, or a TOML file`,
    );
  }
  const table = plainToml(readToml(name, "give a preset of LyCORIS")) as Record<string, unknown>;
  const found = Object.entries(table).map(([key, value]) => {
    const own = KEYS[key as keyof typeof KEYS];
    if (!Object.hasOwn(KEYS, key)) {
      throw new UsageError(
        `${name}: ${key} is no key of a preset; there are ${Object.keys(KEYS).join(", ")}`,
      );
    }
    if (!fits(own, value)) {
      throw new UsageError(`${name}: ${key} is ${JSON.stringify(value)}; ${wanted(own)}`);
    }
    return [own, value];
  });
  return { ...PRESETS.full, ...Object.fromEntries(found) };
}

function fits(key: keyof Preset, value: unknown): boolean {
  if (key === "enableConv" || key === "useFnmatch") return typeof value === "boolean";
  if (key === "byClass" || key === "byName") {
    return typeof value === "object" && value !== null &&
      Object.values(value).every((v) => typeof v === "object");
  }
  return Array.isArray(value) && value.every((v) => typeof v === "string");
}

function wanted(key: keyof Preset): string {
  if (key === "enableConv" || key === "useFnmatch") return "give true or false";
  return key === "byClass" || key === "byName" ? "give a table of tables" : "give a list of names";
}

/** What a preset asks for on a layer: null where it leaves it alone, otherwise options of its own. */
export function ruleFor(preset: Preset, target: Target): Rule | null {
  const unet = target.part === "unet", layer = target.layer ?? target.name;
  const modules = unet ? preset.unetModules : preset.textModules,
    names = unet ? preset.unetNames : preset.textNames;
  const named = (path: string) => names.some((pattern) => matches(pattern, path, preset.useFnmatch));
  const within = target.within ?? [];
  const outermost = within.findIndex(({ name, path }) => modules.includes(name) && !named(path));
  if (outermost >= 0) {
    // the innermost class that has options of its own
    const own = within.slice(outermost).filter(({ name }) => name in preset.byClass).at(-1);
    return own ? preset.byClass[own.name] : {};
  }
  if (!named(layer)) return null;
  const found = Object.entries(preset.byName).find(([pattern]) => matches(pattern, layer, preset.useFnmatch));
  return found?.[1] ?? {};
}

function matches(pattern: string, path: string, shell: boolean): boolean {
  if (path === pattern || path.endsWith(`.${pattern}`)) return true;
  try {
    return new RegExp(`^(?:${shell ? fromShell(pattern) : pattern})${shell ? "$" : ""}`).test(path);
  } catch (cause) {
    throw new UsageError(`the preset's ${JSON.stringify(pattern)} is no regular expression`, { cause });
  }
}

/** Python's fnmatch. */
function fromShell(pattern: string): string {
  return pattern.replace(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".").replaceAll(
    "[!",
    "[^",
  );
}
