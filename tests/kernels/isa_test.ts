/** The kernels' tests once more, as other processors and larger pictures would have them run. */
import assert from "node:assert/strict";

const AVX2 = { ONEDNN_MAX_CPU_ISA: "AVX2", EASEL_CPU_ISA: "v3" };
const WINOGRAD = { EASEL_CPU_WINOGRAD: "always" };

async function againWith(env: Record<string, string>, ops: string[], filter: RegExp, least: number) {
  const files = ops.map((op) => new URL(`${op}_test.ts`, import.meta.url).pathname);
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--filter", String(filter), ...files],
    env: { ...env, NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text);
  assert.ok(Number(text.match(/ok \| (\d+) passed/)?.[1]) >= least, text);
}

// Its bf16 products are of f32 ones. Of the CPU only, and without the cases that are there for their size.
Deno.test("products, convolutions and attention come out right without AVX-512", () => {
  const ops = ["attention", "product/matmul", "conv/conv2d"];
  return againWith(AVX2, [...ops, "executor/residency"], /^(attention|matmul|conv2d).*([0-9e]}|[a-z])$/, 41);
});

Deno.test("attention comes out right without AMX", () =>
  againWith({ EASEL_CPU_AMX: "never" }, ["attention"], /^attention.*([0-9e]}|[a-z])$/, 11));

// As on processors that multiply bf16 by vectors alone.
Deno.test("products of bf16 come out right without AMX", () =>
  againWith(
    { EASEL_CPU_AMX: "never" },
    ["product/bf16_product", "product/wide_weights"],
    /bf16|weights/,
    17,
  ));

Deno.test("chains come out right as processors of others than Intel compute them", () =>
  againWith({ EASEL_CPU_INTEL: "never" }, ["chain/chain_code", "chain/root"], /as code|roots/, 6));

Deno.test("norms and gates come out right without AVX-512", () =>
  againWith(AVX2, ["norm", "pointwise"], /^(groupNorm.*(far from 0|skip)|layerNorm.*skip|geglu.*[^)])$/, 10));

Deno.test("weight gradients of convolutions come out right by vectors where there are tiles", () =>
  againWith({ EASEL_CPU_AMX: "never" }, ["conv/conv2d_accumulate"], /^(a convolution.*target|it is.*)$/, 2));

for (const [where, env] of [["", {}], [" without AVX-512", AVX2]] as const) {
  Deno.test(`small convolutions and their gradients come out right by Winograd${where}`, () =>
    againWith(
      { ...env, ...WINOGRAD },
      ["conv/conv2d"],
      /^conv2d.*(3,3\],"pad".*|3x3.*residual|40, frozen)$/,
      12,
    ));
}

// Each operand's end is a page's, behind which nothing may be touched.
for (const [where, env] of [["", {}], [" without AVX-512", AVX2]] as const) {
  Deno.test(`nothing is read or written past an operand${where}`, () =>
    againWith(
      { ...env, EASEL_CPU_GUARD: "1" },
      ["threads"],
      /: (geglu|silu|layer|linear|conv2d|attention.*,77)/,
      14,
    ));
}
