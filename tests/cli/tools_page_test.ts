/** docs/tools.md: its examples work when pasted, one after the other, and it has one for each tool. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { decoded, inFolder, ROOT, userFolder } from "./easel.ts";

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
