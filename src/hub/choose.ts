/** Which files of a model on the hub are wanted: no more than what is read. */

import { UserError } from "../base/errors.ts";

const PARTS = ["unet", "vae", "text_encoder", "text_encoder_2"];
const TEXTS = /^(model_index\.json|scheduler\/[^/]+\.json|tokenizer(_2)?\/[^/]+\.(json|txt))$/;

/** Small files of captioning models. */
const BESIDE = new Set(["vocab.txt", "preprocessor_config.json"]);

/** Weights of one folder, best first: safetensors before pickles, plain before halves. */
const WEIGHTS: readonly RegExp[] = [
  /^(diffusion_pytorch_)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/,
  /^(diffusion_pytorch_model|pytorch_model)(-\d+-of-\d+)?\.bin(\.index\.json)?$/,
  /^(diffusion_pytorch_)?model\.fp16(-\d+-of-\d+)?\.safetensors$|^(diffusion_pytorch_)?model\.safetensors\.index\.fp16\.json$/,
  /^(diffusion_pytorch_model|pytorch_model)\.fp16(-\d+-of-\d+)?\.bin$/,
];

/** The wanted files, and which of them is the model; null where it is the folder of all of them. */
export interface Choice {
  readonly files: readonly string[];
  readonly model: string | null;
}

/**
 * `paths` are all files of a model called `name`. A Diffusers model is taken as a folder, so is a single part of one; of
 * others the one checkpoint. Throws UserError where there are several, or none.
 */
export function chooseFiles(name: string, paths: readonly string[]): Choice {
  if (paths.includes("model_index.json") || paths.some((path) => path.startsWith("unet/"))) {
    const texts = paths.filter((path) => TEXTS.test(path));
    return { files: [...texts, ...PARTS.flatMap((part) => partFiles(paths, `${part}/`))], model: null };
  }
  const part = paths.includes("config.json") ? partFiles(paths, "") : [];
  if (part.length > 1) return { files: [...part, ...paths.filter((path) => BESIDE.has(path))], model: null };
  const models = paths.filter((path) => /^[^/]+\.(safetensors|ckpt|pt)$/.test(path));
  const safe = models.filter((path) => path.endsWith(".safetensors"));
  const [only, ...others] = safe.length > 0 ? safe : models;
  if (only === undefined) {
    throw new UserError(
      `${name}: holds no model that is known here (a Diffusers folder, a .safetensors or .ckpt file)`,
    );
  }
  if (others.length === 0) return { files: [only], model: only };
  const listed = [only, ...others].slice(0, 5).join(", ");
  const more = others.length > 4 ? ", ..." : "";
  throw new UserError(
    `${name}: holds ${
      others.length + 1
    } models (${listed}${more}); give the address of one, as its page on the hub shows it`,
  );
}

function partFiles(paths: readonly string[], folder: string): string[] {
  const inside = paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length));
  for (const pattern of WEIGHTS) {
    const weights = inside.filter((path) => pattern.test(path));
    if (weights.length > 0) {
      return ["config.json", ...weights].filter((path) => inside.includes(path)).map((path) => folder + path);
    }
  }
  return [];
}
