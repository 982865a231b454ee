/** What --metadata_* put into the modelspec of a saved file. */
import { extname } from "node:path";
import { UserError } from "../../base/errors.ts";
import type { Family } from "../../models/mod.ts";
import { modelSpec, type ModelTexts } from "../../networks/mod.ts";
import type { OutputConfig, PlaceConfig } from "../options.ts";

const PICTURES: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".gif": "image/gif",
};

/** Throws UserError for a thumbnail that cannot be read or is no picture. */
export function modelTexts(config: OutputConfig & Pick<PlaceConfig, "compat">): ModelTexts {
  return {
    version: config.compat === null ? "1.0.1" : "1.0.0",
    title: config.metadataTitle ?? config.outputName,
    author: config.metadataAuthor,
    description: config.metadataDescription,
    license: config.metadataLicense,
    tags: config.metadataTags,
    usageHint: config.metadataUsageHint,
    thumbnail: config.metadataThumbnail && thumbnail(config.metadataThumbnail),
    mergedFrom: config.metadataMergedFrom,
    triggerPhrase: config.metadataTriggerPhrase,
    preprocessor: config.metadataPreprocessor,
    isNegativeEmbedding: config.metadataIsNegativeEmbedding,
  };
}

type Spec = Parameters<typeof modelSpec>[0];

/** The modelspec.* entries of what is saved now; `texts` were read before the first step. */
export function savedSpec(
  kind: "checkpoint" | "embedding" | "controlNet" | "lllite",
  config: Pick<Spec, "vParameterization" | "minTimestep" | "maxTimestep" | "clipSkip"> & {
    readonly resolution: string | null;
  },
  family: Family,
  texts: ModelTexts,
): Record<string, string> {
  const resolution = flagResolution(config);
  return modelSpec({ ...config, family, ...texts, resolution, [kind]: true }, Date.now() / 1000);
}

/** --resolution as width and height, beside --dataset_config as well, which may train at other sizes. */
export function flagResolution({ resolution }: { readonly resolution: string | null }): Spec["resolution"] {
  const [width, height = width] = resolution?.split(",").map(Number) ?? [];
  return width === undefined ? null : [width, height];
}

/** A data URL as it is, a file as one. */
function thumbnail(given: string): string {
  if (given.startsWith("data:")) return given;
  const type = PICTURES[extname(given).toLowerCase()];
  const wanted = "give a data URL or a png, jpg, webp or gif file";
  if (!type) {
    throw new UserError(`--metadata_thumbnail ${given}: is no picture that a modelspec can hold; ${wanted}`);
  }
  try {
    return `data:${type};base64,${Deno.readFileSync(given).toBase64()}`;
  } catch (cause) {
    throw new UserError(`--metadata_thumbnail ${given}: cannot be read; ${wanted}`, { cause });
  }
}
