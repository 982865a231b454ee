/** Processors without AVX-512, whose bf16 products are made of f32 ones: the kernels' tests once more as such a one. */
import assert from "node:assert/strict";

Deno.test("products, convolutions and attention come out right without AVX-512", async () => {
  const files = ["attention", "matmul", "conv2d", "residency"].map((op) =>
    new URL(`${op}_test.ts`, import.meta.url).pathname
  );
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    // of the CPU only, and without the cases that are there for their size
    args: [
      "test",
      "-A",
      "--no-check",
      "--filter",
      "/^(attention|matmul|conv2d).*([0-9e]}|[a-z])$/",
      ...files,
    ],
    env: { ONEDNN_MAX_CPU_ISA: "AVX2", EASEL_CPU_ISA: "v3", NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text);
  assert.ok(Number(text.match(/ok \| (\d+) passed/)?.[1]) > 40, text);
});
