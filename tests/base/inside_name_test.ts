import assert from "node:assert/strict";
import { nameProblem } from "../../src/base/files/inside_name.ts";

Deno.test("nameProblem() lets names through that stay inside their folder", () => {
  for (const name of ["cat", "cat.v1", ".hidden", "..cat", "Katze ü 猫", "a\\b", "x".repeat(175)]) {
    assert.equal(nameProblem(name, { folders: true }), null, name);
  }
  assert.equal(nameProblem("cats/dogs/last", { folders: true }), null);
});

Deno.test("nameProblem() tells what leads elsewhere, cannot be seen or is too long", () => {
  const cases: [string, RegExp][] = [
    ["../up", /leaves the folder/],
    ["a/../../up", /leaves the folder/],
    ["..", /leaves the folder/],
    ["/tmp/x", /absolute path/],
    ["a//b", /empty part/],
    ["a/", /empty part/],
    ["./a", /empty part/],
    [".", /empty part/],
    ["a\0b", /control characters/],
    ["a\x1b[2Jb", /control characters/],
    ["a\nb", /control characters/],
    ["a\x9bb", /control characters/],
    ["x".repeat(176), /has 176 bytes/],
    ["猫".repeat(59), /has 177 bytes/],
    [`${"x".repeat(300)}/a`, /has 300 bytes/],
  ];
  for (const [name, problem] of cases) {
    assert.match(nameProblem(name, { folders: true }) ?? "nothing", problem, name);
  }
  for (const name of ["a/b", "a\\b", "/a", ""]) {
    assert.notEqual(nameProblem(name, { folders: false }), null, name);
  }
});
