/** The modelspec.* metadata (https://github.com/Stability-AI/ModelSpec) of a LoRA or of a model. */

import type { Family } from "../../models/mod.ts";

/** What a model's maker says of it. */
export interface ModelTexts {
  /** Of ModelSpec; by default the newest. */
  version?: "1.0.0" | "1.0.1";
  title: string | null;
  author: string | null;
  description: string | null;
  license: string | null;
  tags: string | null;
  usageHint?: string | null;
  /** A data URL. */
  thumbnail?: string | null;
  /** Titles of what was merged, joined by ", ". */
  mergedFrom?: string | null;
  triggerPhrase?: string | null;
  preprocessor?: string | null;
  isNegativeEmbedding?: string | null;
}

export interface ModelSpec extends ModelTexts {
  family: Family;
  vParameterization: boolean;
  /** [width, height]; null for the family's own. */
  resolution: readonly [number, number] | null;
  minTimestep: number | null;
  maxTimestep: number | null;
  clipSkip: number | null;
  /** A whole model and not a LoRA. */
  checkpoint?: boolean;
  /** Vectors of textual inversion. */
  embedding?: boolean;
  controlNet?: boolean;
  lllite?: boolean;
}

/** The least that is said of a merged model or LoRA. */
export function mergedSpec(
  family: Family,
  what: { title: string; mergedFrom: string; checkpoint: boolean; version: ModelTexts["version"] },
  time: number,
): Record<string, string> {
  return modelSpec({
    ...what,
    family,
    vParameterization: family.spec.mergedVelocity,
    author: null,
    description: null,
    license: null,
    tags: null,
    resolution: null,
    minTimestep: null,
    maxTimestep: null,
    clipSkip: null,
  }, time);
}

/** modelspec.implementation of whole models. */
const CHECKPOINT = "https://github.com/Stability-AI/generative-models";

interface Kind {
  /** What follows the base model's. */
  readonly architecture: string;
  /** Of what has none. */
  readonly title: string;
  /** Made as LoRAs are. */
  readonly lora?: boolean;
}

/** What files are, by the field that says so. */
const KINDS: Readonly<Record<string, Kind>> = {
  checkpoint: { architecture: "", title: "Checkpoint" },
  embedding: { architecture: "/textual-inversion", title: "TextualInversion" },
  controlNet: { architecture: "/controlnet", title: "ControlNet" },
  lllite: { architecture: "/control-net-lllite", title: "LoRA", lora: true },
  lora: { architecture: "/lora", title: "LoRA", lora: true },
};

/** Keys and values as sd-scripts writes them; `time` is Unix time in seconds, written as local time. */
export function modelSpec(spec: ModelSpec, time: number): Record<string, string> {
  const { family, vParameterization } = spec, side = family.size.side(vParameterization);
  const [width, height] = spec.resolution ?? [side, side];
  const base = family.spec.architecture(vParameterization);
  const ranged = spec.minTimestep !== null || spec.maxTimestep !== null;
  const optional: Record<string, string | null> = {
    author: spec.author,
    description: spec.description,
    license: spec.license,
    usage_hint: spec.usageHint ?? null,
    thumbnail: spec.thumbnail ?? null,
    tags: spec.tags,
    merged_from: spec.mergedFrom ?? null,
    trigger_phrase: spec.triggerPhrase ?? null,
    timestep_range: ranged ? `${spec.minTimestep ?? 0},${spec.maxTimestep ?? 1000}` : null,
    encoder_layer: spec.clipSkip === null ? null : String(spec.clipSkip),
    preprocessor: spec.preprocessor ?? null,
    is_negative_embedding: spec.isNegativeEmbedding ?? null,
  };
  const named = (["checkpoint", "embedding", "controlNet", "lllite"] as const).find((name) => spec[name]);
  const kind: Kind = KINDS[named ?? "lora"];
  const metadata: Record<string, string> = {
    "modelspec.sai_model_spec": spec.version ?? "1.0.1",
    "modelspec.architecture": base + kind.architecture,
    "modelspec.implementation": kind.lora ? family.spec.loraImplementation : CHECKPOINT,
    "modelspec.title": spec.title ?? `${kind.title}@${time}`,
    "modelspec.date": localTime(time),
    "modelspec.resolution": `${width}x${height}`,
    "modelspec.prediction_type": spec.vParameterization ? "v" : "epsilon",
  };
  for (const [key, value] of Object.entries(optional)) {
    if (value !== null) metadata[`modelspec.${key}`] = value;
  }
  return metadata;
}

/** 2026-11-22T12:23:37 in the machine's time zone. */
function localTime(time: number): string {
  const d = new Date(Math.floor(time) * 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T` +
    `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}
