import assert from "node:assert/strict";
import { join } from "node:path";

Deno.test("arrays go back to the system when they are freed, also those made after others were freed", async () => {
  const program = join(import.meta.dirname!, "freed.ts");
  const held = async (...words: string[]) => {
    const args = ["run", "--quiet", "-A", "--v8-flags=--expose-gc", program, ...words];
    const { stdout, code } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
    assert.equal(code, 0);
    return Number(new TextDecoder().decode(stdout));
  };
  const [left, given] = [await held(), await held("ours")];
  assert.ok(given < 200, `${given} MiB are held of 384, ${left} as the C library has it`);
});
