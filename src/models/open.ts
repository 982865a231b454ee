/** Model files' tables of contents, read and checked: which tensors there are, and where each of them lies. */

import { isFolder } from "../base/files/exists.ts";
import { UsageError, UserError } from "../base/errors.ts";
import { listed } from "../base/phrases.ts";
import type { Counters, TensorFile } from "../formats/tensor_file.ts";
import {
  checkpointFamily,
  describe,
  FAMILIES,
  type Family,
  identify,
  type PartFlag,
  UNET,
  VAE,
} from "./families/mod.ts";
import { below, clipLKey } from "./keys/mod.ts";
import {
  asItIs,
  isVaeKey,
  openAnyLayout,
  openOnePart,
  type Sources,
  TensorView,
  TEXT_FOLDERS,
  textEncoderSources,
  vaeSources,
  withConvolutions,
} from "./layouts/mod.ts";
import { type Marks, marksOf } from "./marks.ts";
import { unetConfig } from "./unet/mod.ts";
import { vaeConfig } from "./vae/mod.ts";
import type { Shapes } from "./weights.ts";
import { checkVae, checkWhole, makeInpainting } from "./whole.ts";

/** A model whose table of contents was read and checked; loadModel() brings its tensors to a device. */
export interface ModelFile {
  readonly path: string;
  readonly family: Family;
  readonly metadata: Readonly<Record<string, string>>;
  /** The file says by keys of its own that it predicts v, and that its last timestep is pure noise (SDXL). */
  readonly marks: Marks;
  /** Every tensor of U-Net, text encoders and autoencoder under its original key. */
  readonly shapes: Shapes;
  /** Where each of them lies. */
  readonly places: ReadonlyMap<string, Place>;
  /** The file's other tensors: averages, position_ids, schedules. */
  readonly rest: ReadonlyMap<string, Place>;
  readonly counters: Counters | null;
  /** It came as a Diffusers folder and has only what those keep. */
  readonly isFolder: boolean;
  close(): void;
}

export interface Place {
  readonly file: TensorFile;
  readonly key: string;
  readonly shape: readonly number[];
}

type Places = Map<string, Place>;

/** Opens a model file by its format. */
export type Opener = (path: string) => TensorFile;

/** Files that give parts in place of the checkpoint's own, or that it lacks. */
export interface Parts {
  /** An autoencoder. */
  readonly vae?: string | null;
  /** The text encoder of SD1 and SD2. */
  readonly textEncoder?: string | null;
  /** SDXL's two; the first is SD1's, too. */
  readonly clipL?: string | null;
  readonly clipG?: string | null;
}

/** Of whatever has them among other things, such as a job's configuration. */
export function partsOf({ vae, textEncoder, clipL, clipG }: Parts): Parts {
  return { vae, textEncoder, clipL, clipG };
}

export interface OpenOptions extends Parts {
  readonly open?: Opener;
  /** Whether inpainting models are welcome; "made": any other is made one, which ignores its further inputs yet. Default no. */
  readonly inpainting?: boolean | "made";
}

/**
 * Opens a model and checks that it is whole. UserError, one line, for a file that is something else, and for missing,
 * unknown and misshaped tensors.
 */
export function openModel(path: string, { open = openAnyLayout, ...parts }: OpenOptions = {}): ModelFile {
  const file = open(path), files = [file];
  try {
    const all: Sources = new Map(file.keys().map((key) => [key, asItIs(file, key)]));
    const family = familyOf(all, path, parts);
    const own: Sources = new Map(), rest: Sources = new Map();
    for (const [key, source] of all) {
      const name = originalKey(key, family);
      if (name === undefined) rest.set(todaysKey(key), source);
      else own.set(name, withConvolutions(name, source));
    }
    for (const [given, take] of takings(family, parts)) {
      const part = openOnePart(given, take.folder);
      files.push(part);
      for (const key of own.keys()) if (key.startsWith(`${take.scope}.`)) own.delete(key);
      for (const [key, source] of take.sources(part)) own.set(key, source);
    }
    if (parts.inpainting === "made") makeInpainting(own, family);
    const shapes = shapesOf(own), inpainting = Boolean(parts.inpainting);
    for (const key of checkWhole(shapes, family, path, parts.vae ?? path, { inpainting })) {
      rest.set(key, own.get(key)!);
      own.delete(key);
      shapes.delete(key);
    }
    return {
      path,
      family,
      metadata: file.metadata,
      marks: marksOf(path, (key) => all.has(key)),
      shapes,
      places: placesOf(path, own),
      rest: placesOf(path, rest),
      counters: file.counters,
      isFolder: isFolder(path),
      close: () => files.forEach((f) => f.close()),
    };
  } catch (error) {
    files.forEach((f) => f.close());
    throw error;
  }
}

/** A checkpoint's own, or a U-Net's whose text encoders come from elsewhere. */
function familyOf(all: Sources, path: string, { textEncoder, clipL, clipG }: Parts): Family {
  const shapes = shapesOf(all);
  const elsewhere = [textEncoder, clipL, clipG].some((given) => given != null);
  if (!elsewhere || identify(shapes).kind === "checkpoint") return checkpointFamily(shapes, path);
  const unet = unetConfig(below(shapes, `${UNET}.`));
  return unet ? FAMILIES.find((family) => family.holdsUnet(unet))! : checkpointFamily(shapes, path);
}

interface Taking {
  /** The part's folder in a Diffusers model. */
  readonly folder: string;
  /** The part's place in a checkpoint. */
  readonly scope: string;
  readonly sources: (file: TensorFile) => Sources;
}

/** The files that were given, with what is taken from each. Throws UsageError for one that this family has no place for. */
function takings(family: Family, { vae, textEncoder, clipL, clipG }: Parts): [string, Taking][] {
  const found: [string, Taking][] = [], { textEncoders } = family;
  const given: Record<PartFlag, string | null | undefined> = {
    clip_l: clipL,
    clip_g: clipG,
    text_encoder: textEncoder,
  };
  const places = textEncoders.flatMap((place, i) =>
    place.flags.map((flag) => ({ flag, place, folder: TEXT_FOLDERS[i] }))
  );
  for (const [flag, path] of Object.entries(given)) {
    if (path == null || places.some((place) => place.flag === flag)) continue;
    const many = textEncoders.length > 1 ? "two text encoders" : "one text encoder";
    const remedy = listed(textEncoders.map(({ flags }) => `--${flags.at(-1)}`));
    throw new UsageError(
      `--${flag} ${path}: the model is ${family.label}, which has ${many}; give ${remedy}`,
    );
  }
  for (const { flag, place, folder } of places) {
    const sources = (file: TensorFile) => textEncoderSources(file, place), path = given[flag];
    if (path != null) found.push([path, { folder, scope: place.scope, sources }]);
  }
  if (vae != null) found.push([vae, { folder: "vae", scope: VAE, sources: wantedVae }]);
  return found;
}

export type VaeFile = Pick<ModelFile, "path" | "shapes" | "places" | "close">;

/** Opens an autoencoder alone, its own or a model's. Throws UserError where there is none. */
export function openVae(path: string): VaeFile {
  const file = openOnePart(path, "vae");
  try {
    const sources = wantedVae(file), shapes = shapesOf(sources);
    checkVae(shapes, path);
    return { path, shapes, places: placesOf(path, sources), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Throws UserError that says what a file is that holds no autoencoder. */
function wantedVae(file: TensorFile): Sources {
  const sources = vaeSources(file);
  if (vaeConfig(below(shapesOf(sources), `${VAE}.`))) return sources;
  const shapes = new Map(file.keys().map((key) => [key, file.info(key).shape]));
  throw new UserError(
    `${file.path}: is ${describe(identify(shapes))}; --vae wants a Stable Diffusion autoencoder`,
  );
}

/** Below the text encoders' scope but no part of the model. */
const IGNORED = /(^|\.)(position_ids|logit_scale|attn_mask)$/;

/** The key under which a checkpoint's tensor is known, undefined for what is no part of the model. */
function originalKey(key: string, family: Family): string | undefined {
  if (IGNORED.test(key)) return undefined;
  if (key.startsWith(`${UNET}.`)) return key;
  if (key.startsWith(`${VAE}.`)) return isVaeKey(key) ? key : undefined;
  for (const { scope, layout } of family.textEncoders) {
    const top = layout === "clip_l" ? scope.slice(0, -"text_model".length) : `${scope}.`;
    if (!key.startsWith(top)) continue;
    if (layout === "open_clip") return key;
    const name = clipLKey(key.slice(top.length));
    return name?.startsWith("text_model.") ? top + name : undefined;
  }
  return undefined;
}

/** Old checkpoints lack the level text_model, in what belongs to no model too. */
function todaysKey(key: string): string {
  return key.replace(
    /^(cond_stage_model|conditioner\.embedders\.0)\.transformer\.(?=embeddings\.)/,
    "$&text_model.",
  );
}

/** Each tensor by where it lies; what is made of several, or reshaped, lies in a view. */
function placesOf(path: string, sources: Sources): Places {
  const view = new TensorView(path, sources, []);
  return new Map([...sources].map(([name, { file, keys, shape }]): [string, Place] => [
    name,
    keys.length === 1 ? { file, key: keys[0], shape } : { file: view, key: name, shape },
  ]));
}

function shapesOf(sources: Sources): Map<string, readonly number[]> {
  return new Map([...sources].map(([key, { shape }]) => [key, shape]));
}
