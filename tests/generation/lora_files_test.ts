import { deepStrictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { loraPaths } from "../../src/generation/prompts/lora_files.ts";

const tag = (name: string) => ({ name, text: 1, unet: 1 });

Deno.test("a LoRA that a prompt names is found among --network_weights, beside them and in --lora_dir", () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-loras-" });
  const at = (...parts: string[]) => join(dir, ...parts);
  for (const folder of ["mine", "more", "more/style"]) Deno.mkdirSync(at(folder), { recursive: true });
  for (const file of ["mine/a.safetensors", "mine/b.safetensors", "more/c.pt", "more/style/d.safetensors"]) {
    Deno.writeTextFileSync(at(file), "");
  }
  const flags = { networkWeights: [at("mine/a.safetensors")], loraDir: [at("more")] };
  const names = (...wanted: string[]) =>
    loraPaths(flags, wanted.map(tag)).map((
      { path, name, listed },
    ) => [path.slice(dir.length + 1), name, listed]);
  const listed = ["mine/a.safetensors", "a", true];
  deepStrictEqual(names(), [listed]);
  deepStrictEqual(names("a", "a"), [listed]);
  deepStrictEqual(names("b", "c", "style/d", "b"), [
    listed,
    ["mine/b.safetensors", "b", false],
    ["more/c.pt", "c", false],
    ["more/style/d.safetensors", "style/d", false],
  ]);
  throws(() => names("e"), (error) => {
    const { message } = error as Error;
    return [
      /^<lora:e:1>: there is no such LoRA/,
      /\(a\)/,
      /e\.safetensors/,
      /more, .*mine, the current folder;/,
    ]
      .every((part) => part.test(message));
  });
  throws(() => names("../mine/b"), /leaves the folder/);
  Deno.removeSync(dir, { recursive: true });
});
