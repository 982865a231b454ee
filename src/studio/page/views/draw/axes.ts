/** The axes of a grid as they are typed and ticked, and the one that is offered first. */

import type { Axis, AxisKind } from "../../../draw/shown.ts";
import { stemOf } from "../../path_names.ts";

export interface TypedAxis {
  readonly kind: AxisKind;
  /** Numbers, with commas between. */
  readonly text: string;
  /** LoRAs or samplers. */
  readonly chosen: readonly string[];
}

export const KINDS: readonly AxisKind[] = ["lora", "strength", "steps", "scale", "sampler", "seed"];

/** What stands there when a kind is chosen. */
export const USUAL: Record<AxisKind, string> = {
  ...{ lora: "", sampler: "", strength: "0.4, 0.6, 0.8, 1", steps: "10, 20, 30", scale: "4, 6, 8" },
  seed: "1, 2, 3",
};

export function typed(kind: AxisKind, chosen: readonly string[] = []): TypedAxis {
  return { kind, text: USUAL[kind], chosen };
}

/** A run's name without what is behind it for an epoch or a step: cat-000003, cat-step00000100. */
export function runOf(path: string): string {
  return path.replace(/\.[^./]*$/, "").replace(/-(\d{6}|step\d{8}|e\d+)$/, "");
}

/** The epochs of the run that `first` is of, or of the newest; in their order, the last at the end. */
export function epochsOf(loras: readonly { readonly path: string }[], first: string | undefined): string[] {
  const from = first ?? loras[0]?.path;
  if (from === undefined) return [];
  const paths = loras.map(({ path }) => path).filter((path) => runOf(path) === runOf(from));
  const last = (path: string) => stemOf(path) === stemOf(runOf(from)) ? 1 : 0;
  return paths.sort((a, b) => last(a) - last(b) || (a < b ? -1 : 1));
}

/** Null for text that is no list of numbers, which is given as `wrong`. */
export function axisOf({ kind, text, chosen }: TypedAxis): { axis: Axis | null; wrong?: string } {
  if (kind === "lora" || kind === "sampler") {
    return { axis: chosen.length > 0 ? { kind, values: chosen } : null };
  }
  const words = text.split(/[,\s]+/).filter((word) => word !== "");
  const wrong = words.find((word) => !Number.isFinite(Number(word)));
  if (wrong !== undefined) return { axis: null, wrong };
  return { axis: words.length > 0 ? { kind, values: words.map(Number) } : null };
}
