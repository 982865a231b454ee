/** merge_captions_to_metadata and merge_dd_tags_to_metadata: the text files beside pictures into one metadata file. */

import { isFile } from "../../../base/files/exists.ts";
import { removeLeftoversOf } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { strip } from "../../../data/batches/captions.ts";
import {
  captionText,
  described,
  type Metadata,
  readMetadata,
  refuseMetadataPlace,
  writeMetadata,
} from "./metadata_file.ts";
import { eachPicture } from "../pace.ts";
import { picturesIn } from "../pictures.ts";
import { stem, textBeside } from "./text_beside.ts";

export interface MergeToMetadataConfig {
  readonly trainDataDir: string;
  readonly outJson: string;
  /** null: `outJson` where there is one, else nothing. */
  readonly inJson: string | null;
  /** With its dot; "" for texts that are named like their picture without ending. */
  readonly captionExtension: string;
  /** The text's name in the metadata. */
  readonly field: "caption" | "tags";
  /** Keys are paths, and not names without ending. */
  readonly fullPath: boolean;
  readonly recursive: boolean;
  /** Tell each key with its text. */
  readonly debug: boolean;
  readonly compat: string | null;
}

/** Throws UserError for a picture without its text, and for metadata that is none. */
export async function mergeToMetadata(config: MergeToMetadataConfig, context: JobContext): Promise<void> {
  const { trainDataDir, outJson, field, recursive, compat } = config;
  const pictures = picturesIn(trainDataDir, { recursive, compat: compat !== null });
  refuseMetadataPlace(outJson);
  removeLeftoversOf(outJson, context.log);
  context.log(`${trainDataDir}: ${counted(pictures.length, "picture")}`);
  const inJson = config.inJson ?? (isFile(outJson) ? outJson : null);
  const metadata: Metadata = inJson === null ? new Map() : readMetadata(inJson);
  if (inJson !== null) {
    context.log(
      `${inJson}: ${counted(metadata.size, "picture")} in it; the ${field} of those found is replaced`,
    );
  }
  await eachPicture("merging", pictures, context, (path) => {
    const beside = textBeside(path, config.captionExtension);
    const text = strip(captionText(beside, `write one, or move ${path} away`, compat !== null));
    const key = config.fullPath ? path : stem(path);
    if (!metadata.has(key)) metadata.set(key, new Map());
    described(metadata, key, inJson ?? outJson).set(field, text);
    if (config.debug) context.log(`${key} ${text}`);
  });
  writeMetadata(outJson, metadata);
  context.log(`wrote ${outJson}`);
}
