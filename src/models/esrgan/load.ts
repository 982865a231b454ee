/** Files of networks that enlarge pictures, in the layouts of ESRGAN, BasicSR's early one and Real-ESRGAN. */

import { UserError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import type { Tensor } from "../../graph/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import { type Shapes, Weights } from "../weights.ts";
import { compactNet, rrdbNet } from "./networks.ts";

export interface PictureUpscaler {
  readonly scale: number;
  /** Sides of the input are multiples of it. */
  readonly multiple: number;
  /** Pixels (N, H, W, 3), 0 to 1 -> (N, scale H, scale W, 3), not clamped. */
  record(rgb: Tensor): Tensor;
}

/** Where the weights lie in a store. */
const PREFIX = "picture_upscaler";

/** What a file may keep its weights in; averaged ones are the better. */
const INSIDE = ["params_ema.", "params.", ""];

/** The file's key of each of ours. */
type Names = ReadonlyMap<string, string>;

/** Brings the weights to the store. Throws UserError for a file of another kind. */
export function loadPictureUpscaler(file: TensorFile, store: ParameterStore): PictureUpscaler {
  const inside = INSIDE.find((prefix) => file.keys().some((key) => key.startsWith(prefix)))!;
  const keys = file.keys().filter((key) => key.startsWith(inside)).map((key) => key.slice(inside.length));
  const shape = (key: string) => file.info(inside + key).shape;
  const names = rrdbNames(file.path, keys);
  const built = names ? rrdb(file.path, names, shape) : compact(file.path, keys, shape);
  const shapes = new Map<string, readonly number[]>();
  for (const [name, key] of built.names) {
    const place = `${PREFIX}.${name}`;
    store.upload(place, shape(key), "f32", file.f32(inside + key), { frozen: true });
    shapes.set(place, shape(key));
  }
  const weights = (rgb: Tensor) =>
    Weights.over(rgb.graph, shapes as Shapes, { source: file.path }).at(PREFIX);
  return { ...built, record: (rgb) => built.network(rgb, weights(rgb)) };
}

interface Built {
  readonly names: Names;
  readonly scale: number;
  readonly multiple: number;
  readonly network: (rgb: Tensor, w: Weights) => Tensor;
}

/** How layers are called in files, the block's number and the dense block's as $1, $2 and $3. */
const LAYOUTS: readonly (readonly (readonly [pattern: RegExp, name: string])[])[] = [
  [
    [/^(conv_first|conv_body|conv_hr|conv_last)\.(\w+)$/, "$1.$2"],
    [/^body\.(\d+)\.rdb(\d)\.(conv\d)\.(\w+)$/, "body.$1.rdb$2.$3.$4"],
    [/^conv_up(\d)\.(\w+)$/, "conv_up.$1.$2"],
  ],
  [
    [/^(conv_first|conv_last)\.(\w+)$/, "$1.$2"],
    [/^trunk_conv\.(\w+)$/, "conv_body.$1"],
    [/^HRconv\.(\w+)$/, "conv_hr.$1"],
    [/^RRDB_trunk\.(\d+)\.RDB(\d)\.(conv\d)\.(\w+)$/, "body.$1.rdb$2.$3.$4"],
    [/^upconv(\d)\.(\w+)$/, "conv_up.$1.$2"],
  ],
  [
    [/^model\.0\.(\w+)$/, "conv_first.$1"],
    [/^model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0\.(\w+)$/, "body.$1.rdb$2.$3.$4"],
    [/^model\.1\.sub\.\d+\.(weight|bias)$/, "conv_body.$1"],
    [/^model\.(\d+)\.(\w+)$/, "model.$1.$2"],
  ],
];

/** Null where the layers are those of no layout. Throws UserError for a key that its layout has not. */
function rrdbNames(path: string, keys: readonly string[]): Names | null {
  for (const layout of LAYOUTS) {
    const names = new Map<string, string>(), others: string[] = [];
    for (const key of keys) {
      const row = layout.find(([pattern]) => pattern.test(key));
      if (row) names.set(key.replace(...row), key);
      else others.push(key);
    }
    if (!names.keys().some((name) => name.startsWith("body."))) continue;
    if (others.length > 0) refuseOther(path, others[0]);
    return numbered(names);
  }
  return null;
}

/** ESRGAN counts its last layers on: convolutions that enlarge, and two more. Others count those from 1. */
function numbered(names: Names): Names {
  const places = (prefix: string) =>
    [
      ...new Set(
        [...names.keys()].filter((key) => key.startsWith(prefix)).map((key) => Number(key.split(".")[1])),
      ),
    ]
      .sort((a, b) => a - b);
  const last = places("model."), ups = places("conv_up.");
  const called = (key: string) => {
    const [head, number, leaf] = key.split("."), place = Number(number);
    if (head === "conv_up") return `conv_up.${ups.indexOf(place)}.${leaf}`;
    if (head !== "model") return key;
    const fromEnd = last.length - last.indexOf(place);
    return fromEnd > 2
      ? `conv_up.${last.indexOf(place)}.${leaf}`
      : `${fromEnd === 2 ? "conv_hr" : "conv_last"}.${leaf}`;
  };
  return new Map([...names].map(([key, value]) => [called(key), value]));
}

function rrdb(path: string, names: Names, shape: (key: string) => readonly number[]): Built {
  const at = (name: string) => names.has(name) ? shape(names.get(name)!) : undefined;
  const first = at("conv_first.weight"), grown = at("body.0.rdb1.conv1.weight");
  const unshuffle = UNSHUFFLED[first?.[1] ?? 0];
  if (!first || !grown || !unshuffle) {
    refuse(path, first ? `takes ${first[1]} channels` : "has no first layer");
  }
  const [features] = first, [growth] = grown;
  const count = (place: RegExp) =>
    new Set([...names.keys()].map((key) => place.exec(key)?.[1]).filter(Boolean)).size;
  const blocks = count(/^body\.(\d+)\./), doublings = count(/^conv_up\.(\d+)\./);
  const wanted = new Map<string, readonly number[]>();
  const put = (name: string, to: number, from: number) => {
    wanted.set(`${name}.weight`, [to, from, 3, 3]);
    wanted.set(`${name}.bias`, [to]);
  };
  put("conv_first", features, first[1]);
  for (let block = 0; block < blocks; block++) {
    for (const dense of [1, 2, 3]) {
      for (let i = 1; i <= 5; i++) {
        const to = i === 5 ? features : growth;
        put(`body.${block}.rdb${dense}.conv${i}`, to, features + (i - 1) * growth);
      }
    }
  }
  for (let i = 0; i < doublings; i++) put(`conv_up.${i}`, features, features);
  for (const name of ["conv_body", "conv_hr"]) put(name, features, features);
  put("conv_last", 3, features);
  check(path, wanted, at, [...names.keys()]);
  return {
    ...{ names, scale: 2 ** doublings / unshuffle, multiple: unshuffle },
    network: (rgb, w) => rrdbNet(rgb, w, unshuffle),
  };
}

/** By the first layer's channels, how many pixels in a row became channels. */
const UNSHUFFLED: Readonly<Record<number, number>> = { 3: 1, 12: 2, 48: 4 };

/** body.0, body.1, ...: a convolution, a PReLU, and so on. */
function compact(path: string, keys: readonly string[], shape: (key: string) => readonly number[]): Built {
  const names = new Map(keys.map((key) => [key, key])),
    at = (key: string) => names.has(key) ? shape(key) : undefined;
  const first = at("body.0.weight");
  if (first?.length !== 4 || first[1] !== 3) refuse(path, `holds ${listed(keys.slice(0, 3), "and")}`);
  const layers = keys.filter((key) => /^body\.\d+\.weight$/.test(key)).length,
    wanted = new Map<string, readonly number[]>();
  const [features] = first, out = at(`body.${layers - 1}.weight`)?.[0] ?? 0, scale = Math.sqrt(out / 3);
  if (!Number.isInteger(scale) || scale < 1) refuse(path, `ends in ${out} channels`);
  for (let i = 0; i < layers; i++) {
    const to = i === layers - 1 ? out : features;
    if (i % 2 === 1) wanted.set(`body.${i}.weight`, [features]);
    else {
      wanted.set(`body.${i}.weight`, [to, i === 0 ? 3 : features, 3, 3]);
      wanted.set(`body.${i}.bias`, [to]);
    }
  }
  check(path, wanted, at, keys);
  return { names, scale, multiple: 1, network: (rgb, w) => compactNet(rgb, w, scale) };
}

function check(
  path: string,
  wanted: ReadonlyMap<string, readonly number[]>,
  at: (name: string) => readonly number[] | undefined,
  there: readonly string[],
): void {
  for (const [name, shape] of wanted) {
    const found = at(name);
    if (found === undefined) refuse(path, `has no ${name}`);
    if (found.join() !== shape.join()) {
      refuse(path, `has ${name} as [${found.join(", ")}] and not [${shape.join(", ")}]`);
    }
  }
  const unknown = there.find((name) => !wanted.has(name));
  if (unknown !== undefined) refuseOther(path, unknown);
}

function refuseOther(path: string, key: string): never {
  refuse(path, `has ${key}, which is no part of one`);
}

function refuse(path: string, what: string): never {
  throw new UserError(
    `${path}: ${what}; an upscaler is wanted: ESRGAN or Real-ESRGAN (RRDBNet or compact), or a latent upscaler`,
  );
}
