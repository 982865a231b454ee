/**
 * The settings that a state remembers, and which of them a run that goes on from it may change: the rows of the options
 * say so. What would make the result wrong must be the same (`same()`): other random numbers, other images, another model
 * or another network. Where and how to compute is not remembered (`forgotten()`). All else is the user's wish and is told.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { modelPath } from "../../base/assets.ts";
import { UsageError } from "../../base/errors.ts";
import type { DatasetGroup } from "../../data/mod.ts";
import { sampleHash } from "../../formats/mod.ts";
import { type AnyOption, camel, type Group, rowsOf, type Value } from "../../options/mod.ts";
import type { OutputConfig, TrainNetworkConfig } from "../options.ts";
import type { RunLength } from "../loop/run_length.ts";
import type { RunSettings, Settings } from "./format.ts";

type Config = Omit<TrainNetworkConfig, "saveModelAs"> & Pick<OutputConfig, "saveModelAs">;

/** What settings of a run are derived from. */
export interface SettledRun {
  readonly seed: number;
  readonly length: RunLength;
  readonly group: DatasetGroup;
}

/** `groups` are the options of the run's command; what they say of a row decides what becomes of its value. */
export function describeSettings(
  config: Partial<Config>,
  groups: readonly Group[],
  run: SettledRun,
): RunSettings {
  const rows = Object.entries(rowsOf(groups))
    .filter(([, row]) => row.support.kind === "supported" && !row.secret);
  const valueOf = (name: string) => (config as Readonly<Record<string, Value | undefined>>)[camel(name)];
  const described = (wanted: (row: AnyOption) => boolean, shownAs: (row: AnyOption, value: Value) => Value) =>
    Object.fromEntries(rows.flatMap(([name, row]) => {
      const value = valueOf(name);
      return value === undefined || !wanted(row) ? [] : [[`--${name}`, shown(shownAs(row, value))]];
    }));
  return {
    fingerprint: {
      ...described(
        ({ resumed }) => typeof resumed === "object",
        ({ resumed }, value) => typeof resumed === "object" ? resumed.same(value) : value,
      ),
      "--seed": String(run.seed),
      ...describeFiles(config),
      ...describeImages(run),
    },
    settings: described(({ resumed }) => resumed === undefined, (_, value) => value),
  };
}

/** Files by what is in them, since they may have moved. */
function describeFiles(config: Partial<Config>): Settings {
  const { pretrainedModelNameOrPath: model, baseWeights, baseWeightsMultiplier, networkWeights } = config;
  const hash = (path: string) => sampleHash(modelPath(path));
  const base = baseWeights?.map((path, i) => `${hash(path)}*${baseWeightsMultiplier?.[i] ?? 1}`);
  return {
    "the model's hash": model ? hash(model) : "none",
    "the hash of --vae": config.vae ? hash(config.vae) : "none",
    ...(config.textEncoder && { "the hash of --text_encoder": hash(config.textEncoder) }),
    ...(config.clipL && { "the hash of --clip_l": hash(config.clipL) }),
    ...(config.clipG && { "the hash of --clip_g": hash(config.clipG) }),
    "the hashes of --base_weights": base?.join(" ") || "none",
    // its ranks and alphas are the network's
    ...(config.dimFromWeights && networkWeights && { "the hash of --network_weights": hash(networkWeights) }),
  };
}

function describeImages({ group: { datasets }, length }: SettledRun): Settings {
  const layout = datasets.map(({ entries, buckets, params }) => ({
    images: entries.map(({ path, repeats, bucket }) => [basename(path), repeats, bucket]),
    buckets,
    batch: params.batch_size,
  }));
  return {
    "the number of images": String(datasets.reduce((sum, { entries }) => sum + entries.length, 0)),
    "the batches of an epoch": String(length.batchesPerEpoch),
    "the hash of the images' names, repeats and buckets": createHash("sha256").update(JSON.stringify(layout))
      .digest("hex").slice(0, 12),
  };
}

/** A text for each setting that both have and that differs. */
export function differences(saved: Settings, now: Settings): string[] {
  return Object.keys(now)
    .filter((name) => Object.hasOwn(saved, name) && saved[name] !== now[name])
    .map((name) => `${name} ${saved[name]} (now ${now[name]})`);
}

/** Throws UsageError naming everything that must be the same and is not. */
export function refuseOthers(path: string, saved: RunSettings, now: RunSettings): void {
  const wrong = differences(saved.fingerprint, now.fingerprint);
  if (wrong.length === 0) return;
  const wishes = differences(saved.settings, now.settings);
  const also = wishes.length ? `; what may change and did: ${wishes.join(", ")}` : "";
  throw new UsageError(
    `${path}: was saved with ${wrong.join(", ")}; give the same, or begin anew without --resume${also}`,
  );
}

function shown(value: unknown): string {
  if (value === null || value === "") return "none";
  if (Array.isArray(value)) return value.map(shown).join(" ") || "none";
  // steps, or a share of all
  if (typeof value === "object") return Object.values(value).map(shown).join(" ");
  return String(value);
}
