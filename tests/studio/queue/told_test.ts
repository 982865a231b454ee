/** The end of what a job said. */

import assert from "node:assert/strict";
import { lastWords, type ToldEvent } from "../../../src/studio/queue/told.ts";

const step = (step: number) => ({ event: "step", task: "training", step, total: 900, loss: 0.25 });

Deno.test("of a job that has ended little is read, but never without its last word and its last steps", async () => {
  const path = await Deno.makeTempFile();
  const read = (...events: ToldEvent[]) => {
    Deno.writeTextFileSync(path, events.map((event) => JSON.stringify(event) + "\n").join(""));
    return lastWords(path);
  };
  const steps = Array.from({ length: 900 }, (_, i) => step(i + 1));
  const few = read(...steps, { event: "done" });
  assert.ok(few.length < 80, `${few.length} events`);
  assert.deepEqual(few.slice(-3), [step(899), step(900), { event: "done" }]);
  const message = "x".repeat(10_000);
  assert.deepEqual(read(...steps, { event: "error", message }).slice(-2), [step(900), {
    event: "error",
    message,
  }]);
  const samples = Array.from({ length: 100 }, () => ({ event: "sample", prompt: "a cat ".repeat(20) }));
  const late = read(...steps, ...samples, { event: "done" });
  assert.deepEqual(late.findLast(({ event }) => event === "step"), step(900));
  await Deno.remove(path);
});
