/** --reference_model: a folder, or a name on the hub, of which only the small files are fetched. */

import { UserError } from "../../base/errors.ts";
import { hubName } from "../../base/files/hub_name.ts";
import type { JobContext } from "../../base/job.ts";

/** What a reference gives to a new folder. */
const WANTED = /^(scheduler\/[^/]+\.json|tokenizer(_2)?\/[^/]+\.(json|txt))$/;

/** The folder of a reference. Throws UserError where the hub has none. */
export async function referenceFolder(given: string, context: JobContext): Promise<string> {
  const name = hubName(given);
  if (name === null) return given;
  const { fetchModel, hubSettings } = await import("../../hub/mod.ts");
  return await fetchModel({ ...name, file: null }, hubSettings(), context, (paths) => {
    const files = paths.filter((path) => WANTED.test(path));
    if (files.length > 0) return { files, model: null };
    throw new UserError(`${name.repo}: has no scheduler and no tokenizer; give a Diffusers model's name`);
  });
}
