/** Utilities on files: the key tables between file layouts, resize_lora and merge_lora. */

import {
  below,
  clipConfig,
  clipLKey,
  clipLShapes,
  type KeyRow,
  openClipKeys,
  rename,
  UNET,
  unetConfig,
  unetKeys,
  unetShapes,
  VAE,
  vaeConfig,
  vaeFromDiffusers,
  vaeKeys,
  vaeShapes,
} from "../../../src/models/mod.ts";
import { placeOf, placesOf } from "../../../src/tools/network/block_weights.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { exact } from "../compare.ts";
import { extracted } from "./tools/extract.ts";
import { merged, mergedIntoModel, resized, svdMerged } from "./tools/lora_files.ts";
import { mergedModels } from "./tools/models.ts";

type Row = [original: string, other: string, originalShape: number[], otherShape?: number[]];

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "tools") return null;
  const { json } = c;
  if (json.map && json.columns) return () => Promise.resolve(table(json.map));
  if (json.names && /original = '/.test(json.what)) return () => Promise.resolve(clipL(json));
  const what = String(json.what ?? "");
  if (what.startsWith("networks/resize_lora.py") && json.lora?.modules) return () => resized(c);
  if (what.startsWith("networks/merge_lora.py") && json.loras) {
    return () => json.changed_parameters ? mergedIntoModel(c) : merged(c);
  }
  if (what.startsWith("networks/svd_merge_lora.py") && json.loras) return () => svdMerged(c);
  if (what.startsWith("svd_merge_lora.get_lbw_block_index")) return () => Promise.resolve(blockPlaces(json));
  if (what.startsWith("networks/extract_lora_from_models.py")) return () => extracted(c);
  if (what.startsWith("tools/merge_models.py")) return () => mergedModels(c);
  return `${String(json.what ?? json.case).split(/[\s:,(]/)[0]} is not supported yet`;
}

/** Our table of the same original keys and shapes, compared as pairs in name order; and what the shapes should be. */
function table(map: Row[]): Check[] {
  const shapes = new Map(map.map(([original, , shape]) => [original, shape]));
  const wanted = map.map(([original, other, shape, otherShape]) =>
    `${original} ${other} [${shape}] [${otherShape ?? shape}]`
  );
  const unet = below(shapes, `${UNET}.`), vae = below(shapes, `${VAE}.`);
  if (unet.size) {
    const config = unetConfig(unet)!;
    const linearProjection = !map.some(([, other, , shape]) =>
      other.endsWith("proj_in.weight") && shape?.length === 4
    );
    return [
      same("keys", lines(unetKeys(unet, { linearProjection }), UNET), wanted),
      same("shapes from the configuration", entries(unetShapes(config)), entries(unet)),
    ];
  }
  if (vae.size) {
    const places = vaeFromDiffusers(map.map(([, other]) => other));
    const back = map.map(([, other]) => places ? `${VAE}.${rename(other, places)}` : other);
    return [
      same("keys", lines(vaeKeys(vae), VAE), wanted),
      same("shapes from the configuration", entries(vaeShapes(vaeConfig(vae)!)), entries(vae)),
      exact("names back", back, map.map(([original]) => original)),
    ];
  }
  const scope = map[0][0].slice(0, map[0][0].indexOf(".model.") + ".model".length);
  const text = below(shapes, `${scope}.`);
  return [same("keys", lines(openClipKeys(text, clipConfig(text)!.layers), scope), wanted)];
}

/** CLIP-L has transformers' names in the original file: the list is the table. */
function clipL({ names }: { names: [string, number[]][] }): Check[] {
  const prefix = "text_model.";
  const shapes = new Map(names.map(([name, shape]) => [name.slice(prefix.length), shape]));
  const ours = clipLShapes(clipConfig(shapes)!);
  return [
    same("names", entries(ours), entries(shapes)),
    same("today's names of old keys", [...ours.keys()].map((key) => clipLKey(key)!), names.map(([n]) => n)),
  ];
}

/** --lbws: which of the 26 places a list fills, and every module's place. */
function blockPlaces(
  { format_examples, ...rest }: {
    format_examples: Record<string, number[]>;
    sd1: [string, number][];
    sdxl: [string, number][];
  },
): Check[] {
  return [
    ...Object.entries(format_examples).map(([name, places]) => exact(name, placesOf(parseInt(name)), places)),
    ...(["sd1", "sdxl"] as const).map((family) =>
      exact(
        family,
        rest[family].map(([module]) => [module, placeOf(module, family === "sdxl")]),
        rest[family],
      )
    ),
  ];
}

function lines(rows: KeyRow[], scope: string): string[] {
  return rows.map((r) => `${scope}.${r.original} ${r.other} [${r.originalShape}] [${r.otherShape}]`);
}

function entries(shapes: ReadonlyMap<string, readonly number[]>): string[] {
  return [...shapes].map(([key, shape]) => `${key} [${shape}]`);
}

function same(what: string, got: string[], wanted: string[]): Check {
  return exact(what, got.toSorted(), wanted.toSorted());
}
