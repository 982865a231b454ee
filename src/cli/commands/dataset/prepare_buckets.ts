/** easel prepare_buckets_latents: sd-scripts' finetune/prepare_buckets_latents.py. */

import { dirname } from "node:path";
import { UsageError } from "../../../base/errors.ts";
import type { ConfigOf } from "../../../options/mod.ts";
import { checkpoint, readableFile, readableFolder, writableFolder } from "../../../options/paths.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { deviceOptions } from "../../../runtime/options.ts";
import { prepareBucketsOptions } from "../../../tools/dataset/options.ts";
import { command } from "../../command.ts";

const GROUPS = [prepareBucketsOptions, deviceOptions, compatOptions, automationOptions] as const;

export const prepareBucketsLatents = command({
  groups: GROUPS,
  positionals: ["TRAIN_DATA_DIR", "IN_JSON", "OUT_JSON", "MODEL"],
  completes: "folder",
  about:
    "Sorts the pictures of TRAIN_DATA_DIR into buckets, writes their latents beside them (.npz) and OUT_JSON with the " +
    "size of each, for fine_tune --in_json. MODEL is a checkpoint or an autoencoder.",
  examples: [
    "easel prepare_buckets_latents --max_resolution 64,64 --min_bucket_reso 64 --full_path " +
    "images/1_thing clean.json lat.json builtin:tiny",
  ],
  check({ values, positionals: [trainDataDir, inJson, outJson, model] }) {
    resolution(values.maxResolution);
    checkDevice(values);
    if (values.compat === null) readableFolder("TRAIN_DATA_DIR", trainDataDir);
    readableFile("IN_JSON", inJson);
    writableFolder("OUT_JSON", dirname(outJson));
    checkpoint("MODEL", model);
    refuseAsReference(values);
  },
  async run({ values, positionals: [trainDataDir, inJson, outJson, vae] }, context) {
    const { prepareBuckets } = await import("../../../tools/dataset/caches/prepare_buckets.ts");
    for (const line of stepNotes(values.bucketResoSteps)) context.warn(line);
    await prepareBuckets({
      ...values,
      ...{ trainDataDir, inJson, outJson, vae },
      alphaMask: Boolean(values.alphaMask),
      maxResolution: resolution(values.maxResolution),
      endAtDamaged: values.compat !== null && values.maxDataLoaderNWorkers !== null,
    }, context);
  },
});

function resolution(text: string): [number, number] {
  const sides = text.split(",").map((side) => Number(side.trim() || NaN));
  if (sides.length === 2 && sides.every((side) => Number.isInteger(side) && side > 0)) {
    return [sides[0], sides[1]];
  }
  throw new UsageError(`--max_resolution takes "width,height", "${text}" was given`);
}

/** Both are errors of the script itself. */
function refuseAsReference({ compat, skipExisting, alphaMask }: ConfigOf<typeof GROUPS>): void {
  if (compat === null) return;
  const broken = skipExisting ? "skip_existing" : alphaMask ? "alpha_mask" : null;
  if (broken) throw new UsageError(`--${broken} does not work in sd-scripts ${compat}; leave --compat out`);
}

function stepNotes(steps: number): string[] {
  if (steps % 8 > 0) {
    return [`--bucket_reso_steps ${steps}: buckets are cut to multiples of 8 when latents are made`];
  }
  return steps % 32 > 0 ? [`--bucket_reso_steps ${steps} is no multiple of 32, which SDXL wants`] : [];
}
