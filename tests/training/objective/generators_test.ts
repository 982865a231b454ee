import { notStrictEqual, strictEqual } from "node:assert/strict";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { runGenerators } from "../../../src/training/objective/generators.ts";

const next = (torch: TorchGenerator) => torch.rand(1)[0];

Deno.test("one generator draws everything with --generator one, or --compat and a new network", () => {
  for (
    const [generator, compat, newNetwork, one] of [
      [null, null, true, false],
      [null, "0.9.1", true, true],
      [null, "0.9.1", false, false],
      ["one", null, false, true],
      ["one", "0.9.1", false, true],
      ["fresh", "0.9.1", true, false],
    ] as const
  ) {
    const { torch, latents, network, built } = runGenerators(7, { generator, compat }, newNetwork);
    strictEqual(latents === torch && network === torch, one);
    built(1000);
    const passed = new TorchGenerator(7);
    if (one) passed.skip(1000);
    strictEqual(next(torch), next(passed), "building counts in the one generator alone");
  }
});

Deno.test("without --compat neither latents nor a network depend on what was drawn before", () => {
  const plain = runGenerators(7, { generator: null, compat: null }, true);
  const first = next(plain.latents);
  strictEqual(next(plain.network), first);
  strictEqual(next(plain.torch), first);
  // sd-scripts draws what a file of weights lacks after the latents
  const compat = runGenerators(7, { generator: null, compat: "0.9.1" }, false);
  next(compat.latents);
  notStrictEqual(next(compat.network), first);
});
