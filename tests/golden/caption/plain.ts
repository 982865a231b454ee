/** What needs no model: keys of the published files, and --remove_words. */

import { Graph } from "../../../src/graph/mod.ts";
import { gitLogits, gitPrefix, gitProjected, gitText, gitVision } from "../../../src/models/git/mod.ts";
import { BLIP_SIDE, blipLogits, blipSeen, blipText, blipVision } from "../../../src/models/blip/mod.ts";
import { Weights } from "../../../src/models/mod.ts";
import { removeWords } from "../../../src/tools/captions/remove_words.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";

export function checkRemoveWords({ json }: GoldenCase): Check[] {
  return (json.rows as [string, string][]).map(([caption, result]) =>
    exact(caption, removeWords(caption), result)
  );
}

/** The graph takes every tensor, and each in the shape that it has. */
export function checkKeys({ json }: GoldenCase): Promise<Check[]> {
  const shapes = new Map(Object.entries<number[]>(json.keys)), graph = new Graph();
  const isGit = shapes.has("output.weight"),
    w = Weights.over(graph, shapes),
    ids = graph.input("ids", [1, 4], "i32");
  if (isGit) {
    const side =
      (Math.sqrt(shapes.get("git.image_encoder.vision_model.embeddings.position_embedding.weight")![0] - 1)) *
      shapes.get("git.image_encoder.vision_model.embeddings.patch_embedding.weight")![2];
    const seen = gitVision(graph.input("x", [1, side, side, 3]), w.at("git.image_encoder.vision_model"), 2);
    const { prefix } = gitPrefix(gitProjected(seen, w.at("git")), w.at("git"), 2);
    gitLogits(gitText(ids, prefix, w.at("git"), 2), w);
  } else {
    const seen = blipVision(graph.input("x", [1, BLIP_SIDE, BLIP_SIDE, 3]), w.at("visual_encoder"), 2);
    const text = w.at("text_decoder"), states = blipText(ids, blipSeen(seen, text), text, 2);
    blipLogits(states.at(-1)!, text);
  }
  const used = graph.nodes.flatMap(({ source }) => source?.kind === "parameter" ? [source.name] : []);
  // the bias of the head stands in files twice
  const wanted = [...shapes.keys()].filter((key) => !/position_ids$|cls\.predictions\.bias$/.test(key));
  return Promise.resolve([exact("keys", used.sort(), wanted.sort())]);
}
