/** What ControlNets' tensors and LLLites' modules are called. */

import {
  below,
  CONTROL,
  controlPlaces,
  llliteModules,
  llliteShapes,
  originalControlKeys,
  rename,
  UNET,
} from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { caseModel, synthModel } from "../../synth_models.ts";

/** Every name of either layout from the other. */
export function keys({ json }: GoldenCase): Check[] {
  const rows = json.keys as [string, string, number[]][], sai = json.columns[0] === "key in the file";
  const original = rows.map(([a, b]) => sai ? b : a), diffusers = rows.map(([a, b]) => sai ? a : b);
  const control = (key: string) => key.startsWith("controlnet_");
  const found = originalControlKeys(diffusers);
  const resBlocks = 2, levels = sai ? 3 : 4;
  const places = new Map(controlPlaces({ levels, resBlocks }));
  return [
    exact("count", rows.length, json.count),
    exact(
      "to original",
      // the SDXL module itself keeps the names of its own parts
      diffusers.map((key) => sai && control(key) ? key : (sai ? "" : CONTROL) + found.get(key)!),
      original,
    ),
    exact("to diffusers", diffusers.map((key) => rename(found.get(key)!, places)), diffusers),
    exact(
      "prefix",
      [...originalControlKeys(original).values()].filter((key) => key.startsWith(CONTROL)),
      [],
    ),
  ];
}

export function modules({ json }: GoldenCase): Check[] {
  const full = !String(json.case ?? "").includes("tiny") && json.count > 100;
  const { shapes } = full
    ? synthModel("sdxl", { unet: FULL_SDXL })
    : caseModel({ ...json, model: "sdxl-tiny" });
  const found = llliteModules(below(shapes, `${UNET}.`));
  const first = json.shapes["0"] as [string, number[]][];
  const size = (name: string) => first.find(([key]) => key === name)![1][0];
  const sizes = { inner: size("down.0.weight"), embedding: 2 * size("conditioning1.0.weight") };
  return [
    exact(
      "modules",
      found.map(({ name, depth, width }) => [name, depth, width]),
      json.modules.map((row: unknown[]) => row.slice(0, 3)),
    ),
    exact(
      "shapes",
      found.map((module) => llliteShapes(module, sizes)),
      json.modules.map((row: number[]) => json.shapes[row[3]]),
    ),
  ];
}

const FULL_SDXL = {
  model_channels: 320,
  channel_mult: [1, 2, 4],
  transformer_depth: [0, 2, 10],
  middle_depth: 10,
  num_head_channels: 64,
  context_dim: 2048,
  adm_in_channels: 2816,
  use_linear_in_transformer: true,
};
