/** docs/guides: every command of every page is run, on small models, with few steps and small pictures. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseArgs } from "../../src/options/given/parse.ts";
import { findCommand } from "../../src/cli/front/program.ts";
import { prepare } from "../../src/cli/front/run_command.ts";
import { quietContext } from "../../src/base/job.ts";
import { TINY_SDXL, writePictures, writeTinyModel } from "../training/tiny_run.ts";

const GUIDES = join(import.meta.dirname!, "../../docs/guides");

/** Put behind what a page says, where the last one counts. */
const SMALLER: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^gen_img$/, ["--W", "64", "--H", "64", "--steps", "1", "--threads", "1"]],
  [/./, ["--resolution", "64", "--min_bucket_reso", "64", "--threads", "1"]],
];

/** The commands of a page: indented, over several lines with a backslash. */
function commandsOf(page: string): string[][] {
  const text = page.replace(/\\\n\s*/g, " ");
  return [...text.matchAll(/^ {4}easel (.*)$/gm)].map(([, line]) =>
    [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word)
  );
}

/** Steps: one more than the last training of the same name, so that a resumed one has something to do. */
function steps(words: readonly string[]): string[] {
  if (!words.includes("--max_train_steps")) return [];
  return ["--max_train_steps", words.includes("--resume") ? "2" : "1"];
}

async function run(words: readonly string[]): Promise<void> {
  const what = words[0] === "plan" ? "plan" : "run",
    [name, ...argv] = what === "plan" ? words.slice(1) : words;
  const { entry } = await findCommand(name), command = await entry.load();
  const smaller = SMALLER.find(([pattern]) => pattern.test(name))![1];
  const parsed = parseArgs([...argv, ...smaller, ...steps(argv)], command.groups);
  await command[what]!(prepare(command, parsed, {}, name).input, quietContext());
}

Deno.test("every command of docs/guides runs as it stands", async (test) => {
  const folder = Deno.makeTempDirSync({ prefix: "easel-guides-" }), before = Deno.cwd();
  writeTinyModel(join(folder, "sd15.safetensors"));
  writeTinyModel(join(folder, "sdxl.safetensors"), {}, TINY_SDXL);
  writePictures(join(folder, "images"), 2);
  writePictures(join(folder, "class"), 2);
  Deno.chdir(folder);
  try {
    const pages = [...Deno.readDirSync(GUIDES)].map(({ name }) => name).filter((name) => name !== "README.md")
      .sort();
    assert.ok(pages.length >= 6);
    const index = Deno.readTextFileSync(join(GUIDES, "README.md"));
    for (const page of pages) {
      assert.ok(index.includes(`(${page})`), `${page} is in the list of guides`);
      const commands = commandsOf(Deno.readTextFileSync(join(GUIDES, page)));
      assert.ok(commands.length > 0, page);
      for (const words of commands) {
        await test.step(`${page}: easel ${words.slice(0, 2).join(" ")}`, () => run(words));
      }
    }
    for (const file of ["mika", "ink", "small", "mine", "mine_xl", "mika_ti_xl"]) {
      assert.ok(Deno.statSync(`out/${file}.safetensors`).isFile);
    }
  } finally {
    Deno.chdir(before);
    Deno.removeSync(folder, { recursive: true });
  }
});
