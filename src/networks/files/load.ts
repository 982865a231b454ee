/** LoRA files read and fitted to a model; an error names the key, what was found, what was wanted and the remedy. */

import { UserError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { parseFileKey } from "./file_keys.ts";
import {
  alphaOf,
  type Entry,
  incomplete,
  type Note,
  readEntries,
  refuseEmpty,
  shapesOf,
  some,
} from "./file_modules.ts";
import { peftAlpha, peftSays } from "./peft_config.ts";
import type { LoraWeights } from "../kinds/first_weights.ts";
import type { NetworkModule } from "../kinds/kind.ts";
import { lora } from "../kinds/lora.ts";
import { kindOf } from "../kinds/mod.ts";
import { OFT_PREFIX } from "../kinds/rotations/oft.ts";
import { FAMILIES, type Family, type Shapes } from "../../models/mod.ts";
import { loraTargets, type Target } from "../sites/targets.ts";
import { floatAlpha, wholeAlpha } from "../sites/values.ts";

/** A network that is for another model: it may fit one yet. */
export class OtherModel extends UserError {}

/** A network with its weights, under sd-scripts' file keys whatever the file's own were. */
export interface LoadedLora {
  readonly modules: readonly NetworkModule[];
  readonly weights: LoraWeights;
}

/** What of a file fits a model. */
export interface FileLora extends LoadedLora {
  /** Keys of modules that are for no layer of the model, one each. */
  readonly leftOut: readonly string[];
}

/**
 * Every module of a file on its layer of the model, in creation order; rank and alpha are the file's own, a missing
 * alpha is the rank. What fits nowhere is noted and left out. Throws OtherModel when nothing fits and
 * for shapes that do not, UserError for what is wrong with the file itself.
 */
export function loadLora(
  file: TensorFile,
  shapes: Shapes,
  family: Family,
  note: Note = () => {},
): FileLora {
  const entries = readEntries(file, family, note);
  const modules: NetworkModule[] = [], weights: LoraWeights = new Map();
  const all = { convolutions: true, linearProjection: false, whole: true, norms: true };
  for (const target of loraTargets(shapes, family, all)) {
    const name = namesOf(target).find((name) => entries.has(name)), entry = name && entries.get(name);
    if (!entry) continue;
    entries.delete(name);
    const own = name.startsWith(OFT_PREFIX) ? { ...target, name: oftName(target.name) } : target;
    const module = fit(file, own, entry, name, family);
    modules.push(module);
    const values = valuesOf(file, module, entry);
    for (const suffix of Object.keys(module.tensors)) weights.set(`${module.name}.${suffix}`, values[suffix]);
  }
  const leftOut = [...entries].map(([name, entry]) => Object.values(entry)[0] ?? name);
  if (leftOut.length > 0) {
    const made = familyOfLora(file), model = `this ${family.label} model`;
    if (modules.length === 0 || (made !== null && made.name !== family.name)) {
      throw new OtherModel(
        `${file.path}: ${leftOut[0]} is for no layer of ${model}${others(leftOut.length)}; ${
          remedy(file, family)
        }`,
      );
    }
    note(`${file.path}: left out, being for no layer of ${model}: ${some(leftOut)}`);
  }
  return { modules, weights, leftOut };
}

/** A module's values by suffix, as it computes with them. */
function valuesOf(
  file: TensorFile,
  module: NetworkModule,
  entry: Entry,
): Readonly<Record<string, Float32Array>> {
  const values = Object.fromEntries(Object.keys(module.tensors).map((s) => [s, file.f32(entry[s])]));
  return module.kind.fromPeft
    ? module.kind.fromPeft(module, values, peftSays(file, module.kind.name))
    : values;
}

/** What a layer may be called in files. */
function namesOf({ name, alias }: Target): string[] {
  const names = alias ? [name, alias] : [name];
  return [...names, ...names.map(oftName)];
}

function oftName(name: string): string {
  return name.replace(/^lora_unet_/, OFT_PREFIX);
}

function others(count: number): string {
  return count > 1 ? `, nor ${count === 2 ? "is" : "are"} ${counted(count - 1, "other module")}` : "";
}

function fit(file: TensorFile, target: Target, entry: Entry, name: string, family: Family): NetworkModule {
  const { alpha: _, ...keys } = entry;
  refuseEmpty(file, entry);
  const found = shapesOf(file, entry), kind = kindOf(found) ?? lora;
  const reading = kind.read(target, found, (suffix) => file.f32(keys[suffix]));
  if ("missing" in reading) throw incomplete(file, name, reading.missing);
  if ("misfit" in reading) {
    const { misfit, wanted } = reading;
    throw new OtherModel(
      `${file.path}: ${keys[misfit]} is [${found[misfit].join(", ")}], this ${family.label} model takes [${
        wanted.join(", ")
      }]; ${remedy(file, family)}`,
    );
  }
  const alpha = alphaOf(file, entry) ?? peftAlpha(file, target);
  const given = kind.alphaLimits
    ? floatAlpha(alpha ?? 0)
    : alpha
    ? floatAlpha(alpha)
    : wholeAlpha(reading.rank);
  return { ...target, ...reading, kind, alpha: given };
}

/** Which model the file was made for, as far as its keys say. */
function remedy(file: TensorFile, family: Family): string {
  const made = familyOfLora(file);
  return made && made.name !== family.name
    ? `use an ${made.label} model`
    : "use a model of the kind that the LoRA was trained on";
}

/** The family that a LoRA file was trained for: by keys that only it has, else by the width of its text. */
export function familyOfLora(file: TensorFile): Family | null {
  const keys = file.keys();
  const named = FAMILIES.find(({ sites }) =>
    sites.keys !== null && keys.some((key) => sites.keys!.test(key))
  );
  if (named) return named;
  const width = textWidthOfLora(file);
  return FAMILIES.find(({ sites }) => sites.contextWidth === width) ?? null;
}

/** How wide the text is that a LoRA file's attention looks at; null where it has none. */
export function textWidthOfLora(file: TensorFile): number | null {
  const key = file.keys().find((k) =>
    /attn2[._](processor[._])?to_k/.test(k) && parseFileKey(k, false)?.suffix === "lora_down.weight"
  );
  return key === undefined ? null : file.info(key).shape[1];
}

/** A module whose alpha is one thing in a file and another by the options. */
export interface OtherAlpha {
  readonly name: string;
  readonly file: number;
  readonly options: number;
}

/**
 * --network_weights for a network made from options: the file's modules must have the same rank. Returns the network's
 * modules with the file's alphas where it has them, and the first of them whose own alpha is another. sd-scripts 0.9.1
 * (`compat`) computes with the options' alpha all the same, and keeps the file's as an integer where the options' is
 * one. Throws UserError.
 */
export function loadInto(
  file: TensorFile,
  modules: readonly NetworkModule[],
  loaded: LoadedLora,
  compat = false,
): { modules: NetworkModule[]; missing: number; otherAlpha?: OtherAlpha } {
  const parts = new Set(modules.map((module) => module.part)); // with --network_train_unet_only, the rest is left out
  const known = new Map(
    loaded.modules.filter((m) => parts.has(m.part)).map((module) => [module.name, module]),
  );
  let missing = 0;
  let otherAlpha: OtherAlpha | undefined;
  const joined = modules.map((module) => {
    const other = known.get(module.name);
    if (!other) missing++;
    if (!other) return module;
    known.delete(module.name);
    if (other.kind !== module.kind) {
      throw new UserError(
        `${file.path}: ${module.name} is a ${other.kind.name}, the options ask for a ${module.kind.name}; use --dim_from_weights`,
      );
    }
    if (!sameTensors(other, module)) {
      throw new UserError(
        `${file.path}: ${module.name} has rank ${other.rank}, the options ask for ${module.rank}; use --dim_from_weights`,
      );
    }
    if (other.alpha.value !== module.alpha.value) {
      otherAlpha ??= { name: module.name, file: other.alpha.value, options: module.alpha.value };
    }
    if (!compat) return { ...module, alpha: other.alpha };
    const kept = module.alpha.integer ? wholeAlpha(Math.trunc(other.alpha.value)) : other.alpha;
    return { ...module, alpha: kept, computedAlpha: module.alpha };
  });
  for (const name of known.keys()) {
    throw new UserError(
      `${file.path}: ${name} is not in the network that the options ask for${
        others(known.size)
      }; use --dim_from_weights`,
    );
  }
  return { modules: joined, missing, otherAlpha };
}

/** Of a 1x1 convolution as of a linear layer: SD2's projections are written as either. */
function sameTensors({ tensors: a }: NetworkModule, { tensors: b }: NetworkModule): boolean {
  const shapes = (tensors: NetworkModule["tensors"]) =>
    Object.entries(tensors).map(([suffix, shape]) => `${suffix} ${String(shape).replace(/,1,1$/, "")}`).sort()
      .join();
  return shapes(a) === shapes(b);
}
