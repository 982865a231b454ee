/** The files of ControlNets or LLLites: opened, fitted to the model and read. */

import { add, matmul, Programs } from "../../../graph/mod.ts";
import { type ControlFile, openControlNet, openLLLite, type Steered } from "../../../models/mod.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import type { GenImgConfig } from "../../groups.ts";
import { controlCount, type ControlFlags } from "./flags.ts";
import { type Preprocess, preprocessNamed } from "./preprocess.ts";

/** What the flags say of a network. */
export interface Wanted {
  /** In names of inputs. */
  readonly prefix: string;
  readonly preprocess: Preprocess;
  readonly multiplier: number;
  /** The share of the evaluations in which it takes part. */
  readonly ratio: number;
}

interface OpenedNet extends Wanted {
  readonly file: ControlFile;
}

export type Kind = "net" | "lllite";

export interface Opened {
  readonly nets: readonly OpenedNet[];
  readonly kind: Kind;
  /** Deep Shrink rests while a ControlNet acts. */
  readonly keepsSize?: boolean;
}

/** Opens the files and fits them to the model; null without any. Throws UserError for what does not fit. */
export function openControls(
  flags: ControlFlags & Pick<GenImgConfig, "compat">,
  model: Steered,
): Opened | null {
  const count = controlCount(flags), kind = flags.controlNetLlliteModels?.length ? "lllite" : "net";
  if (count === 0) return null;
  const paths = kind === "net" ? flags.controlNetModels! : flags.controlNetLlliteModels!;
  const multipliers = flags.controlNetMultipliers ?? flags.controlNetWeights, nets: OpenedNet[] = [];
  try {
    for (const [i, path] of paths.entries()) {
      nets.push({
        file: kind === "net" ? openControlNet(path, model) : openLLLite(path, model),
        prefix: `control${i}`,
        preprocess: preprocessNamed(flags.controlNetPreps?.[i] ?? "none"),
        multiplier: multipliers?.[i] ?? 1,
        ratio: flags.controlNetRatios?.[i] ?? 1,
      });
    }
  } catch (error) {
    for (const { file } of nets) file.close();
    throw error;
  }
  return { nets, kind, keepsSize: kind === "net" && flags.compat !== null };
}

/** Every tensor of a file; products of two matrices are made on the device. */
export async function* wholeWeights(
  file: ControlFile,
  store: ParameterStore,
): AsyncGenerator<[string, Float32Array]> {
  const programs = new Programs<string>(store, { kept: 1 });
  try {
    for (const name of file.shapes.keys()) {
      const base = file.read(name), product = file.lowRank?.(name);
      if (!product) {
        yield [name, base];
        continue;
      }
      const { up, down, rank, rows } = product, columns = base.length / rows;
      const { weight } = await programs.run(`${rows} ${rank} ${columns}`, (graph) => {
        const more = matmul(graph.input("up", [rows, rank]), graph.input("down", [rank, columns]));
        graph.output("weight", add(graph.input("base", [rows, columns]), more));
      }, { base, up, down });
      yield [name, weight];
    }
  } finally {
    programs.destroy();
  }
}
