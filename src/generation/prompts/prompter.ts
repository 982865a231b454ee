/** Where prompts come from: the flag, a file, or a module of the user's. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError, UserError } from "../../base/errors.ts";
import { readText } from "../../formats/text_file.ts";
import { pngTexts } from "../pictures/png_texts.ts";
import type { GenImgConfig } from "../groups.ts";
import { promptLines } from "./prompt_line.ts";

/** Prompt lines of a run. Throws UserError for what holds none. */
export async function readPrompts(
  config: Pick<GenImgConfig, "prompt" | "fromFile" | "fromModule" | "prompterModuleArgs">,
): Promise<string[]> {
  const { prompt, fromFile, fromModule, prompterModuleArgs } = config;
  if (fromModule !== null) return await modulePrompts(fromModule, prompterModuleArgs);
  if (fromFile !== null) {
    const prompts = promptLines(readText(fromFile, "give a text file with a prompt a line"));
    if (prompts.length === 0) throw new UserError(`${fromFile}: holds no prompt`);
    return prompts;
  }
  if (prompt === null) {
    throw new UsageError("there is nothing to draw; give --prompt, --from_file or --from_module");
  }
  return [prompt];
}

/** Whether a run says where its prompts come from; else they stand in the pictures that it begins with. */
export function saysPrompts(
  { prompt, fromFile, fromModule }: Pick<GenImgConfig, "prompt" | "fromFile" | "fromModule">,
): boolean {
  return prompt !== null || fromFile !== null || fromModule !== null;
}

/** The prompts that pictures were drawn with, as gen_img writes them into a PNG. Throws UserError for one without. */
export function picturePrompts(paths: readonly string[]): string[] {
  return paths.map((path) => {
    const texts = pngTexts(Deno.readFileSync(path)), prompt = texts.get("prompt");
    if (prompt === undefined) {
      throw new UserError(
        `${path}: has no prompt in it, as PNGs of gen_img have; give --prompt, --from_file or --from_module`,
      );
    }
    const negative = texts.get("negative-prompt");
    return negative ? `${prompt} --n ${negative}` : prompt;
  });
}

/** A module's `prompts(args)`: a list of lines, or what gives one after the other, in the end. */
async function modulePrompts(path: string, args: string | null): Promise<string[]> {
  if (/\.py$/i.test(path)) {
    throw new UsageError(
      `--from_module ${path}: is Python; easel takes a .ts or .js file that exports prompts(args)`,
    );
  }
  let prompts: unknown;
  try {
    ({ prompts } = await import(pathToFileURL(resolve(path)).href));
  } catch (cause) {
    throw new UserError(`${path}: cannot be loaded as a module (${firstLine(cause)})`, { cause });
  }
  if (typeof prompts !== "function") {
    throw new UserError(`${path}: exports no function prompts(args) that gives the lines`);
  }
  const lines: string[] = [];
  try {
    for await (const line of await prompts(args ?? "")) {
      if (typeof line !== "string") {
        throw new TypeError(`prompts() gave ${JSON.stringify(line)}, a text is wanted`);
      }
      lines.push(line);
    }
  } catch (cause) {
    throw new UserError(`${path}: prompts() failed: ${firstLine(cause)}`, { cause });
  }
  if (lines.length === 0) throw new UserError(`${path}: prompts() gave no prompt`);
  return lines;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}
