/** The committed subset of the golden cases: tests that need nothing beside the project. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { Check, GoldenCase } from "./case.ts";
import { exact, relL2, toNumber } from "./compare.ts";
import { jsonFiles, judge, loadTopics, outcomeLine, readCase, runCase } from "./runner.ts";
import { crc32, synthTensor } from "./synth.ts";

const DATA = join(import.meta.dirname!, "data");

Deno.test("the synthetic rule gives the values written in the format's description", () => {
  const weight = synthTensor("model.diffusion_model.input_blocks.0.0.weight", [2, 4, 3, 3]);
  const wanted = [0.2836166322231293, 0.2515888810157776, 0.15974043309688568];
  wanted.forEach((value, i) => assert.equal(weight[i], value));
  assert.equal(crc32("123456789"), 0xcbf43926);
});

Deno.test("a case passes only when something was compared and every error is within its limit", () => {
  const check = (error: number, limit: number): Check => ({ what: "x", error, limit });
  assert.equal(judge([]).kind, "fail");
  assert.equal(judge([check(1e-5, 1e-4), check(0, 0)]).kind, "pass");
  assert.equal(judge([check(1e-5, 1e-4), check(NaN, 1)]).kind, "fail");
  assert.equal(judge([check(1, 0)]).kind, "fail");
  assert.equal(judge([check(2e-4, 1e-4)]).kind, "fail");
  const failed = judge([check(2e-4, 1e-4), { what: "worst", error: 3, limit: 1e-4, note: "at 5" }]);
  assert.match(
    outcomeLine("t/c", failed),
    /^FAIL {2}t\/c {2}worst: error 3 > 0\.00010 \(at 5\); 2 of 2 checks failed$/,
  );
});

Deno.test("an exception is a failure, an unknown kind a skip with the reason", async () => {
  const c = { topic: "none", name: "x" } as GoldenCase;
  const throws = { match: () => () => Promise.reject(new Error("no")) };
  assert.equal((await runCase(c, [throws])).kind, "fail");
  assert.deepEqual(await runCase(c, []), { kind: "skip", reason: "cases of the kind none are not known" });
  assert.deepEqual(await runCase(c, [{ match: () => "later" }]), { kind: "skip", reason: "later" });
});

Deno.test("comparisons notice lengths, signs of zero aside, and where they differ first", () => {
  assert.equal(relL2([1, 2], [1, 2]), 0);
  assert.equal(relL2([0], [0]), 0);
  assert.equal(relL2([1], [0]), Infinity);
  assert.ok(Number.isNaN(relL2([1], [1, 2])));
  assert.deepEqual(exact("x", { a: [1, 2] }, { a: [1, 3] }), {
    what: "x",
    error: 1,
    limit: 0,
    note: ".a[1]: 2, expected 3",
  });
  assert.equal(exact("x", Int32Array.of(1, 2), [1, 2]).error, 0);
  assert.equal(exact("x", undefined, null).error, 1);
  assert.deepEqual(["Infinity", "-Infinity", 3].map(toNumber), [Infinity, -Infinity, 3]);
});

const topics = await loadTopics();
for (const path of jsonFiles(DATA)) {
  const c = readCase(path);
  if (typeof c === "string") continue;
  Deno.test(`golden ${c.topic}/${c.name}`, async () => {
    const outcome = await runCase(c, topics);
    assert.equal(outcome.kind, "pass", outcomeLine(`${c.topic}/${c.name} in ${dirname(path)}`, outcome));
  });
}
