/** clean_captions_and_tags: the texts of a metadata file, made plainer and freed of what contradicts itself. */

import { UserError } from "../../../base/errors.ts";
import { removeLeftoversOf } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import type { JsonTable } from "../../../text/python_json.ts";
import { cleanCaption, cleanTags } from "./clean_texts.ts";
import { described, readMetadata, refuseMetadataPlace, writeMetadata } from "./metadata_file.ts";
import { eachPicture } from "../pace.ts";

export interface CleanConfig {
  readonly inJson: string;
  readonly outJson: string;
  /** Tell what changed. */
  readonly debug: boolean;
  /** Set: tags of which nothing is left end the work, as sd-scripts' assertion does. */
  readonly compat: string | null;
}

/** Throws UserError for metadata that is none. */
export async function cleanCaptionsAndTags(config: CleanConfig, context: JobContext): Promise<void> {
  const { inJson, outJson, debug } = config;
  refuseMetadataPlace(outJson);
  const metadata = readMetadata(inJson);
  removeLeftoversOf(outJson, context.log);
  await eachPicture("cleaning", [...metadata.keys()], context, (key) => {
    const entry = described(metadata, key, inJson), at = `${inJson}: ${JSON.stringify(key)}`;
    for (
      const [field, clean] of [["tags", tagCleaner(config, at, context)], ["caption", cleanCaption]] as const
    ) {
      const before = textOf(entry, field, at);
      if (before === null) context.warn(`${at} has no ${field}`);
      else {
        const after = clean(before);
        entry.set(field, after);
        if (debug && after !== before) context.log(`${at}: ${field} "${before}" becomes "${after}"`);
      }
    }
  });
  writeMetadata(outJson, metadata);
  context.log(`wrote ${outJson}`);
}

function tagCleaner(
  { compat }: CleanConfig,
  at: string,
  { log, warn }: JobContext,
): (tags: string) => string {
  return (tags) => {
    const cleaned = cleanTags(tags);
    if (cleaned?.severalRatings) log(`${at} has several ratings: ${tags}`);
    if (cleaned) return cleaned.tags;
    if (compat !== null) throw new UserError(`${at}: nothing is left of its tags, where sd-scripts ends`);
    warn(`${at}: nothing is left of its tags, which were ${tags}`);
    return "";
  };
}

/** null is none, in the file as well. Throws UserError for what is no text. */
function textOf(entry: JsonTable, field: string, at: string): string | null {
  const value = entry.get(field) ?? null;
  if (value === null || typeof value === "string") return value;
  throw new UserError(`${at}: ${field} is no text; mend or remove it`);
}
