/** What first.sh prints of a row: never too much, and of a failure what it says. */

import assert from "node:assert/strict";
import { failuresIn, Report, together } from "./report.ts";
import { outcome, runTasks } from "./run_row.ts";

function reporting() {
  const lines: string[] = [], facts: string[] = [];
  return { lines, facts, report: new Report((line) => lines.push(line), (line) => facts.push(line)) };
}
const ended = (log: string, status = 0) => ({ name: "own_sd15", status, seconds: 3, log });

Deno.test("numbers of one thing share a line, until it is long", () => {
  assert.deepEqual(
    together([
      "FACT own.b1.step.best 1.5 ms",
      "FACT own.b1.step.median 2 ms",
      "FACT own.b1.forward.best 3 ms",
    ]),
    ["FACT own.b1.step: best 1.5 ms, median 2 ms", "FACT own.b1.forward: best 3 ms"],
  );
  const many = together(Array.from({ length: 90 }, (_, i) => `FACT a.b.number${i} ${i} ms`));
  assert.ok(many.length > 3 && many.every((line) => line.length < 260));
});

Deno.test("all numbers are kept; those that matter are printed, together under 12,000 characters", () => {
  const { lines, facts, report } = reporting();
  const log = [
    "FACT own.sd15.b1.step.median 12.5 ms",
    "FACT own.sd15.b1.step.arena 700 MiB",
    "TOP own.sd15.b1.step ms: matmul 3",
  ];
  report.row(ended(log.join("\n")), 34);
  assert.deepEqual(lines, [
    "ROW own_sd15 ok 3s at 34",
    "FACT own.sd15.b1.step: median 12.5 ms",
    "TOP own.sd15.b1.step ms: matmul 3",
  ]);
  assert.equal(facts.length, 2);
  for (let k = 0; k < 400; k++) report.row(ended(log.join("\n"), 1), k);
  assert.ok(lines.join("\n").length < 12_000);
  assert.equal(report.facts, 802);
  assert.ok(report.summary.length > lines.length);
});

Deno.test("a row of many files tells which failed, and how many tests passed in all", () => {
  const { lines, report } = reporting();
  const good = { name: "tests_norm", status: 0, seconds: 2, log: "ok | 12 passed | 0 failed (1s)" };
  const bad = {
    name: "tests_matmul",
    status: 1,
    seconds: 4,
    log:
      "FAILED | 30 passed | 2 failed (3s)\nerror: Test failed\nmatmul() of bf16 => ./tests/kernels/product/matmul_test.ts:5:6\n" +
      "error: AssertionError: bf16 forward: error 0.5 is over 0.008",
  };
  report.rows("tests", [good, bad, { ...bad, name: "tests_shape", status: 124, log: "" }], 9, 20);
  assert.deepEqual(lines, [
    "ROW tests FAIL 9s at 20 1 of 3 files; 42 passed, 2 failed",
    "  tests_matmul FAIL(1) 4s FAILED | 30 passed | 2 failed (3s)",
    "  matmul() of bf16 => ./tests/kernels/product/matmul_test.ts:5:6",
    "  error: AssertionError: bf16 forward: error 0.5 is over 0.008",
    "  tests_shape TIME 4s ",
  ]);
  assert.deepEqual(failuresIn("one\nlast words\n"), ["last words"]);
});

Deno.test("tasks run side by side, each to its limit, and keep their logs", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "easel-rows-" });
  const task = (name: string, script: string, limit = 20) => ({ name, limit, command: ["sh", "-c", script] });
  const results = await runTasks(
    [task("good", "echo FACT a 1"), task("bad", "echo no >&2; exit 3"), task("slow", "sleep 30", 1)],
    folder,
    () => 60,
    3,
  );
  assert.deepEqual(results.map(({ status }) => outcome(status)), ["ok", "FAIL(3)", "TIME"]);
  assert.deepEqual(results.map(({ log }) => log), ["FACT a 1\n", "no\n", ""]);
  const late = await runTasks([task("late", "sleep 30")], folder, () => 0.5, 1);
  assert.equal(outcome(late[0].status), "TIME");
  Deno.removeSync(folder, { recursive: true });
});
