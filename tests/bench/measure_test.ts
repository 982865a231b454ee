/** The measuring programs work, at tiny sizes; what they measure there says nothing. */

import { ok } from "node:assert/strict";

async function factsOf(file: string, ...args: string[]): Promise<Map<string, number>> {
  const path = decodeURIComponent(new URL(`./${file}.ts`, import.meta.url).pathname);
  const options = ["--sizes", "tiny", "--runs", "2", "--threads", "1", "--dtype", "f32"];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", path, ...options, ...args],
    stderr: "inherit",
  }).output();
  const found = new TextDecoder().decode(stdout).matchAll(/^FACT (\S+) (\S+)/gm);
  return new Map([...found].map(([, name, value]) => [name.split(".").at(-1)!, Number(value)]));
}

Deno.test("an optimizer's step over all weights is timed, with what it moves and the process it makes", async () => {
  const facts = await factsOf("measure", "sd15", "update_Lion");
  ok(facts.get("median")! > 0 && facts.get("lanes")! > 1e6);
  // gradients for their norm; gradients, weights and moments; the last two are written again
  const floats = facts.get("bytes")! / 4 / facts.get("lanes")!;
  ok(floats >= 6 && floats < 7, `${floats} floats a weight`);
  const planned = facts.get("promised")! / facts.get("process")!;
  ok(planned > 0.9 && planned < 1.1, `${planned} of the measured peak`);
});

Deno.test("ceilings are rates of arithmetic and of memory", async () => {
  const facts = await factsOf("ceilings");
  ok(facts.get("tflops")! > 0 && facts.get("gbs")! > 0);
});
