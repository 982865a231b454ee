/** Models that a command line names as the Hugging Face hub does: fetched before the job, which sees only paths. */

import type { JobContext } from "../../base/job.ts";
import { hubName } from "../../base/files/hub_name.ts";
import { camel } from "../../options/group.ts";
import { rowsOf } from "../../options/mod.ts";
import type { Command, CommandInput } from "../command.ts";

/** The input with the path of each such model in the place of its name. Throws UserError. */
export async function withHubModels(
  command: Command,
  input: CommandInput<unknown>,
  context: JobContext,
): Promise<CommandInput<unknown>> {
  const values = { ...input.values as Record<string, unknown> };
  const fetched = async (text: string): Promise<string> => {
    const name = hubName(text);
    if (name === null) return text;
    const { fetchModel, hubSettings } = await import("../../hub/mod.ts");
    return await fetchModel(name, hubSettings(tokenIn(values)), context);
  };
  let changed = false;
  const replace = async (text: string) => {
    const path = await fetched(text);
    changed ||= path !== text;
    return path;
  };
  for (const [name, row] of Object.entries(rowsOf(command.groups))) {
    const value = values[camel(name)];
    if (row.leadsTo !== "model") continue;
    if (typeof value === "string") values[camel(name)] = await replace(value);
    else if (Array.isArray(value)) values[camel(name)] = await all(value, replace);
  }
  if (values.resumeFromHuggingface === true && typeof values.resume === "string") {
    const { fetchFolder, hubSettings } = await import("../../hub/mod.ts");
    values.resume = await fetchFolder(values.resume, hubSettings(tokenIn(values)), context);
    changed = true;
  }
  const positionals = [...input.positionals];
  if (command.completes === "model" && positionals.length > 0) positionals[0] = await replace(positionals[0]);
  return changed ? { ...input, values: Object.freeze(values), positionals } : input;
}

/** --huggingface_token, where a command has it. */
const tokenIn = ({ huggingfaceToken: token }: Readonly<Record<string, unknown>>) =>
  typeof token === "string" ? token : null;

/** One after the other, so that one bar is shown at a time. */
async function all(
  texts: readonly unknown[],
  replace: (text: string) => Promise<string>,
): Promise<unknown[]> {
  const paths: unknown[] = [];
  for (const text of texts) paths.push(typeof text === "string" ? await replace(text) : text);
  return paths;
}
