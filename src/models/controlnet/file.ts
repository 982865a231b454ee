/** Files of ControlNets and LLLites, fitted to the model that they steer. */

import { UserError } from "../../base/errors.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { type Family, UNET } from "../families/family.ts";
import { describe, identify } from "../families/identify.ts";
import { FAMILIES } from "../families/table.ts";
import { below } from "../keys/table.ts";
import type { Shapes } from "../weights.ts";
import { originalControlKeys } from "./keys.ts";
import { type LLLiteSizes, llliteTensors } from "./lllite.ts";
import { controlShapes, COPIED } from "./made.ts";

/** Tensors by the names that the graph knows. */
export interface ControlFile {
  readonly shapes: Shapes;
  /** Float32 values of one, without what lowRank() adds. */
  read(name: string): Float32Array;
  /** Of a "control-lora": what is to be added to a weight; null where nothing is. */
  readonly lowRank?: (name: string) => LowRank | null;
  close(): void;
}

/** up (rows, rank) times down (rank, columns), float32: a weight whose first side has so many rows. */
export interface LowRank {
  readonly up: Float32Array;
  readonly down: Float32Array;
  readonly rank: number;
  readonly rows: number;
}

/** What a ControlNet is fitted to. */
export interface Steered {
  readonly family: Family;
  readonly shapes: Shapes;
  /** A weight of the model itself. */
  read(key: string): Float32Array;
}

/** Marks a file whose U-Net part is a difference to the model's. */
const DIFFERENCE = "difference";

/** Marks a file whose U-Net part is the model's own plus products of two small matrices (Stability AI's control-lora). */
const LOW_RANK = "lora_controlnet";

/**
 * Opens a ControlNet in original or diffusers' layout. Throws UserError for a file that is none, or is of another family or
 * size than the model, or lacks tensors; `flag` is what names it.
 */
export function openControlNet(path: string, model: Steered, flag = "control_net_models"): ControlFile {
  const file = openCheckpoint(path);
  try {
    const stored = new Map<string, string>();
    for (const [key, name] of originalControlKeys(file.keys())) stored.set(name, key);
    const isLowRank = stored.has(LOW_RANK);
    const lacking = ["input_hint_block.0.weight", "zero_convs.0.0.weight"].find((name) => !stored.has(name));
    if (lacking) {
      const what = whatIs(file);
      throw isLowRank || what === "a ControlNet"
        ? missing(path, lacking)
        : new UserError(`${path}: is ${what}; --${flag} wants a ControlNet`);
    }
    const shapeIn = (name: string) => stored.has(name) ? file.info(stored.get(name)!).shape : undefined;
    const shapeOf = (name: string) => shapeIn(name) ?? productShape(name, shapeIn);
    checkFamily(path, shapeOf, model);
    const shapes = new Map([...below(model.shapes, `${UNET}.`)].filter(([name]) => COPIED.test(name)));
    // what a low-rank file does not have is the model's
    const needed = isLowRank ? [] : [...shapes.keys()];
    for (const [name, key] of stored) {
      if (OWN.test(name)) shapes.set(name, file.info(key).shape);
    }
    for (const name of needed) if (!stored.has(name)) throw missing(path, name);
    checkOwn(path, shapes, model.shapes);
    if (isLowRank) checkFactors(path, stored.keys(), shapeIn);
    const own = (name: string) => model.read(`${UNET}.${name}`), isDifference = stored.has(DIFFERENCE);
    const values = (name: string) => file.f32(stored.get(name)!);
    return {
      shapes,
      read(name) {
        if (!stored.has(name)) return own(name);
        if (!isDifference || !COPIED.test(name)) return values(name);
        const base = own(name);
        return values(name).map((x, i) => x + base[i]);
      },
      ...(isLowRank && { lowRank: (name: string) => lowRankOf(name, shapeIn, values) }),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

const OWN = /^(zero_convs|middle_block_out|input_hint_block)\./;

function missing(path: string, name: string): UserError {
  return new UserError(`${path}: ${name} is missing; the file is not whole`);
}

/** What a ControlNet has beside its copy of the U-Net; the convolutions that read the picture may be of any width. */
function checkOwn(path: string, found: Shapes, model: Shapes): void {
  const wanted = controlShapes(model);
  for (const [name, shape] of wanted) {
    if (!OWN.test(name)) continue;
    const own = found.get(name);
    if (!own) throw missing(path, name);
    const layer = HINT_LAYER.exec(name),
      at = (by: number) => `input_hint_block.${Number(layer![1]) + by}.weight`;
    const width = layer && wanted.has(at(2)) ? found.get(at(0))![0] : shape[0];
    const inputs = layer && wanted.has(at(-2)) ? found.get(at(-2))![0] : shape[1];
    const right = shape.length === 1 ? [width] : [width, inputs, ...shape.slice(2)];
    if (own.join() !== right.join()) {
      throw new UserError(`${path}: ${name} is [${own}] where [${right}] is wanted; give another ControlNet`);
    }
  }
}

const HINT_LAYER = /^input_hint_block\.(\d+)\.(weight|bias)$/;

/** Matrices come in pairs of one rank. */
function checkFactors(path: string, names: Iterable<string>, shapeIn: ShapeIn): void {
  const layers = new Set([...names].flatMap((name) => /^(.*)\.(?:up|down)$/.exec(name)?.[1] ?? []));
  for (const layer of layers) {
    const lacking = factors(layer).find((name) => !shapeIn(name));
    if (lacking) throw missing(path, lacking);
    const [up, down] = factors(layer).map((name) => shapeIn(name)!);
    if (up[1] === down[0]) continue;
    throw new UserError(
      `${path}: ${layer}.up is [${up}], ${layer}.down [${down}], of different ranks; the file is damaged, get it again`,
    );
  }
}

type ShapeIn = (name: string) => readonly number[] | undefined;

/** The names of the two matrices beside a weight. */
const factors = (name: string): [string, string] => {
  const layer = name.replace(/\.weight$/, "");
  return [`${layer}.up`, `${layer}.down`];
};

/** The shape of a weight that a file has as two matrices. */
function productShape(name: string, shapeIn: ShapeIn): number[] | undefined {
  if (!name.endsWith(".weight")) return undefined;
  const [up, down] = factors(name).map(shapeIn);
  return up && down && [up[0], ...down.slice(1)];
}

function lowRankOf(
  name: string,
  shapeIn: ShapeIn,
  values: (name: string) => Float32Array,
): LowRank | null {
  const shape = productShape(name, shapeIn);
  if (!shape) return null;
  const [up, down] = factors(name);
  return { up: values(up), down: values(down), rank: shapeIn(down)![0], rows: shape[0] };
}

/** Throws UserError where a ControlNet's family or widths are not the model's. */
function checkFamily(
  path: string,
  shapeOf: (name: string) => readonly number[] | undefined,
  { family, shapes }: Steered,
): void {
  const vectorWidth = shapeOf("label_emb.0.0.weight")?.[1] ?? 0;
  const linearProjection = shapeOf("middle_block.1.proj_in.weight")?.length === 2;
  const own = FAMILIES.find((other) => other.holdsUnet({ vectorWidth, linearProjection }));
  const remedy = "give a ControlNet that was made for such models";
  if (own && own.name !== family.name) {
    throw new UserError(`${path}: is a ControlNet for ${own.label}, the model is ${family.label}; ${remedy}`);
  }
  for (const [name, shape] of below(shapes, `${UNET}.`)) {
    const found = COPIED.test(name) ? shapeOf(name) : undefined;
    if (found && found.join() !== shape.join()) {
      throw new UserError(
        `${path}: ${name} is [${found}] where the model has [${shape}]; ${remedy}`,
      );
    }
  }
}

/** An LLLite's file, and the sizes that decide its tensors' shapes. */
export interface LLLiteFile extends ControlFile {
  readonly sizes: LLLiteSizes;
}

/** Opens an LLLite for SDXL, which `flag` names. Throws UserError for a file that is none, or does not fit the model. */
export function openLLLite(
  path: string,
  { family, shapes }: Omit<Steered, "read">,
  flag = "control_net_lllite_models",
): LLLiteFile {
  const file = openCheckpoint(path);
  try {
    const keys = file.keys(), first = (end: string) => keys.find((key) => key.endsWith(end));
    const mid = first(".mid.0.weight"), picture = first(".conditioning1.0.weight");
    if (!mid || !picture) throw new UserError(`${path}: is ${whatIs(file)}; --${flag} wants an LLLite`);
    const [inner, joined] = file.info(mid).shape, sizes = { inner, embedding: joined - inner };
    const known = llliteTensors(shapes, sizes);
    for (const key of new Set([...keys, ...known.keys()])) {
      const shape = known.get(key), found = file.has(key) ? file.info(key).shape : undefined;
      if (shape?.join() === found?.join()) continue;
      const text = (x: readonly number[] | undefined) => x ? `[${x}]` : "nothing";
      throw new UserError(
        `${path}: ${key} is ${text(found)} where this ${family.label} model has place for ${
          text(shape)
        }; LLLite is for SDXL, give one that was made for such models`,
      );
    }
    return { sizes, shapes: known, read: (name) => file.f32(name), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

function whatIs(file: TensorFile): string {
  return describe(identify(new Map(file.keys().map((key) => [key, file.info(key).shape]))));
}
