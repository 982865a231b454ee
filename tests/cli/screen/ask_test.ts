import assert from "node:assert/strict";
import { asker } from "../../../src/cli/screen/ask.ts";

Deno.test("answers are lines, however they arrive; the end and Ctrl-C end the asking", async () => {
  const never = new AbortController();
  const typed = ReadableStream.from(["a c", "at\r\n\nlast"].map((text) => new TextEncoder().encode(text)));
  const piped = asker(never.signal, typed);
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await piped.ask(""));
  assert.deepEqual(answers, ["a cat", "", "last", null]);
  await piped.close();

  const terminal = asker(never.signal, new ReadableStream());
  const asked = terminal.ask("");
  never.abort();
  await assert.rejects(asked, { name: "Interrupted" });
  await terminal.close();
});
