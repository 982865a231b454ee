/** The page's side of drawing that needs no browser. */

import assert from "node:assert/strict";
import { epochsOf, runOf } from "../../../src/studio/page/views/draw/axes.ts";
import { valuesIn } from "../../../src/studio/page/views/draw/form.ts";

Deno.test("a command line becomes values of the form of all options", () => {
  const args = [
    ...["--ckpt", "/a b", "--fp16", "--prompt=a --n x=y --d 1"],
    ...["--network_weights", "/c", "--network_mul", "-0.5", "1", "--W", "64"],
  ];
  assert.deepEqual(valuesIn(args), {
    ckpt: "/a b",
    fp16: true,
    prompt: "a --n x=y --d 1",
    network_weights: ["/c"],
    network_mul: ["-0.5", "1"],
    W: "64",
  });
});

Deno.test("the epochs of a run are told by its name, the last at the end", () => {
  const loras = [
    "/x/dog.safetensors",
    "/x/cat.safetensors",
    "/x/cat-000002.safetensors",
    "/x/cat-000001.safetensors",
  ]
    .map((path) => ({ path }));
  assert.deepEqual(epochsOf(loras, "/x/cat-000002.safetensors"), [
    ...["/x/cat-000001.safetensors", "/x/cat-000002.safetensors", "/x/cat.safetensors"],
  ]);
  assert.deepEqual(epochsOf(loras, undefined), ["/x/dog.safetensors"]);
  assert.deepEqual(["/x/a-step00000100.safetensors", "/x/a-2.ckpt"].map(runOf), ["/x/a", "/x/a-2"]);
});
