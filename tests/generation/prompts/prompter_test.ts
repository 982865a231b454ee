import assert from "node:assert/strict";
import { readPrompts } from "../../../src/generation/prompts/prompter.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

Deno.test("a module's prompts() gives the lines; Python and what gives none is refused in a line", async () => {
  const dir = Deno.makeTempDirSync();
  const from = (name: string, text: string) => {
    Deno.writeTextFileSync(`${dir}/${name}`, text);
    return readPrompts({ ...GEN_IMG_DEFAULTS, fromModule: `${dir}/${name}`, prompterModuleArgs: "red" });
  };
  try {
    const list = "export const prompts = (args: string) => [`a ${args} cat --d 1`, 'a dog'];";
    assert.deepEqual(await from("list.ts", list), ["a red cat --d 1", "a dog"]);
    assert.deepEqual(await from("one.js", "export async function* prompts() { yield 'a'; yield 'b'; }"), [
      "a",
      "b",
    ]);
    await assert.rejects(
      from("old.py", "def get_prompter(): pass"),
      /old\.py: is Python; easel takes a \.ts or \.js/,
    );
    await assert.rejects(from("none.js", "export const x = 1;"), /none\.js: exports no function prompts/);
    await assert.rejects(from("empty.js", "export const prompts = () => [];"), /gave no prompt/);
    await assert.rejects(from("odd.js", "export const prompts = () => [3];"), /gave 3, a text is wanted/);
    await assert.rejects(
      from("bad.js", "throw new Error('no paper');"),
      /bad\.js: cannot be loaded.*no paper/,
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
