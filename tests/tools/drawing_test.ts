/** The programs that make what comes with easel. */
import assert from "node:assert/strict";

Deno.test("a file where a folder is wanted is answered with one line", async () => {
  const file = Deno.makeTempFileSync();
  try {
    const outcomes = await Promise.all(
      [["edges", file], ["default_model", file], ["pictures", "moka", file, "1", "1"]].map(
        ([tool, ...words]) => {
          const main = new URL(`../../src/tools/${tool}/main.ts`, import.meta.url).pathname;
          return new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", main, ...words] })
            .output();
        },
      ),
    );
    for (const { code, stderr } of outcomes) {
      const text = new TextDecoder().decode(stderr);
      assert.equal(code, 1, text);
      assert.match(text, /^[^\n]+: is no folder and cannot become one \([^\n]+\); name another\n$/);
    }
  } finally {
    Deno.removeSync(file);
  }
});
