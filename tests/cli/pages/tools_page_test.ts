/** docs/tools.md: its examples work when pasted, one after the other, and it has one for each tool. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeBlip, writeGit } from "../../golden/caption/models.ts";
import type { GoldenCase } from "../../golden/case.ts";
import { readCase } from "../../golden/runner.ts";
import { decoded, inFolder, ROOT, userFolder } from "../easel.ts";

const page = await Deno.readTextFile(join(ROOT, "docs/tools.md"));

/** Indented lines, joined where one ends in a backslash. */
const examples = page.split("\n").filter((line) => line.startsWith("    ")).map((line) => line.slice(4))
  .join("\n").replaceAll(/\\\n\s*/g, "").split("\n");

Deno.test("every tool of docs/tools.md has an example below its heading", () => {
  const named = [...page.matchAll(/^## (.*)$/gm)].flatMap(([, names]) =>
    names.replace(/ --.*/, "").split(", ")
  );
  const shown = new Set(examples.map((line) => line.split(" ")[1]));
  assert.deepEqual(named.filter((name) => !shown.has(name)), []);
  assert.ok(named.length > 2);
});

Deno.test("the examples of docs/tools.md work when pasted", async () => {
  await inFolder(async (folder) => {
    const env = await userFolder(folder);
    await placeTagger(join(folder, "taggers/own_tagger"));
    await placeCaptioners(folder);
    for (const example of examples) {
      const run = new Deno.Command("bash", { args: ["-c", example], cwd: folder, env, stdin: "null" });
      const { code, stderr } = decoded(await run.output());
      // no SDXL model and no upscaler is small; all but the file is right
      const large = /(sdxl|upscaler)\.safetensors/.exec(example);
      if (large) assert.ok(stderr.includes(`: ${large[0]}: does not exist`), stderr);
      else assert.equal(code, 0, `${example}\n${stderr}`);
    }
  });
});

async function placeTagger(folder: string): Promise<void> {
  const data = join(ROOT, "tests/golden/data/tagger");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(join(data, "convnext_batch2.onnx"), join(folder, "model.onnx"));
  await Deno.copyFile(join(data, "selected_tags.csv"), join(folder, "selected_tags.csv"));
}

async function placeCaptioners(folder: string): Promise<void> {
  const given = (name: string) =>
    readCase(join(ROOT, `tests/golden/data/caption/${name}.json`)) as GoldenCase;
  for (const name of ["blip", "git"]) await Deno.mkdir(join(folder, name));
  writeBlip(join(folder, "blip"), given("blip_keys_tiny"), "model_large_caption.pth");
  writeGit(join(folder, "git"), given("git_forward"));
}
