/** Autoencoders given with --vae: files and folders of all layouts. */

import { join } from "node:path";
import { openModel, under, UNET, VAE, vaeKeys } from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { caseModel } from "../../synth_models.ts";
import { digests } from "./digest.ts";
import {
  converted,
  fromShapes,
  inFolder,
  ones,
  renamed,
  reshaped,
  synthetic,
  type Tensors,
  writePickled,
  writeTensors,
} from "./variants.ts";

type Writer = (folder: string, original: Tensors) => string;

const ATTENTION: readonly (readonly [now: string, old: string])[] = [
  ["to_q", "query"],
  ["to_k", "key"],
  ["to_v", "value"],
  ["to_out.0", "proj_attn"],
];

/** Under diffusers' names, those of today or of before 0.18. */
function diffusers(original: Tensors, old = false): Tensors {
  const rows = vaeKeys(new Map([...original].map(([key, { shape }]) => [key, shape])));
  const shapes = new Map(rows.map((row) => [row.original, row.otherShape]));
  const names = new Map(rows.map((row) => [row.original, row.other]));
  const named = renamed(reshaped(original, (key) => shapes.get(key)!), (key) => names.get(key)!);
  if (!old) return named;
  return renamed(
    named,
    (key) => ATTENTION.reduce((name, [now, before]) => name.replace(`.${now}.`, `.${before}.`), key),
  );
}

const prefixed = (original: Tensors): Tensors => new Map(under(`${VAE}.`, original));
const plain = (change: (original: Tensors) => Tensors): Writer => (folder, original) =>
  writeTensors(join(folder, "vae.safetensors"), change(original));
const pickle =
  (change: (original: Tensors) => Tensors, below?: string, name = "vae.ckpt"): Writer => (folder, original) =>
    writePickled(join(folder, name), change(original), { form: "zip", below });
const inside = (name: string, write: Writer, inner = ""): Writer => (folder, original) => {
  const path = join(folder, name);
  Deno.mkdirSync(join(path, inner), { recursive: true });
  Deno.renameSync(
    write(folder, original),
    join(path, inner, inner ? "diffusion_pytorch_model.bin" : "diffusion_pytorch_model.safetensors"),
  );
  return path;
};

const same = (original: Tensors) => original;

const FILES: Readonly<Record<string, Writer>> = {
  "original keys, safetensors": plain(same),
  "original keys in {'state_dict'} .ckpt": pickle(same, "state_dict"),
  "original keys .pt": pickle(same),
  "first_stage_model. prefix": plain(prefixed),
  "full model file": plain((original) => new Map([...prefixed(original), [`${UNET}.other`, ones(3)]])),
  "diffusers keys .bin (to_q ...)": pickle(diffusers, undefined, "vae.bin"),
  "diffusers keys .bin (query ...)": pickle((original) => diffusers(original, true), undefined, "vae.bin"),
  "diffusers keys as .safetensors file": plain(diffusers),
  "original keys float16": plain((original) => converted(original, "F16")),
  "with loss.* keys": pickle((original) => new Map([...original, ["loss.logvar", ones(1)]])),
  "diffusers folder": inside("vaedir", plain(diffusers)),
  "diffusers model folder with vae/ (.bin)": inside("vaeroot", pickle(diffusers), "vae"),
  "diffusers folder with old attention names": inside(
    "vaeold",
    plain((original) => diffusers(original, true)),
  ),
};

/** What the reference refuses is read here; the one folder that it loads as float16 is float32 here as all others. */
export function vaeFiles({ json }: GoldenCase): Promise<Check[]> {
  const model = caseModel({ model: "sd1-tiny" });
  const shapes = [...model.shapes].filter(([key]) => key.startsWith(`${VAE}.`)).map(([key, shape]) =>
    [key.slice(VAE.length + 1), shape] as const
  );
  const original: Tensors = new Map(shapes.map(([key, shape]) => [key, synthetic(shape, `other.${key}`)]));
  return inFolder((folder) => {
    const base = writeTensors(join(folder, "base.safetensors"), fromShapes(model.shapes));
    return Object.entries(json.results).filter(([title]) => !title.endsWith("dtype float16")).map(
      ([title, recorded]): Check => {
        const { digest = json.reference_digest } = recorded as { digest?: string };
        const write = FILES[title];
        return exact(title, write && vaeDigest(base, write(folder, original)), digest);
      },
    );
  });
}

function vaeDigest(base: string, vae: string): string {
  const model = openModel(base, { vae });
  try {
    return digests(model).vae;
  } finally {
    model.close();
  }
}
