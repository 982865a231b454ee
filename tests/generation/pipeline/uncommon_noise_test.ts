import assert from "node:assert/strict";
import { type UncommonNoise, withUncommon } from "../../../src/generation/pipeline/uncommon_noise.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";

/** PyTorch 2.13 running gen_img.py's lines with random.seed(seed) before each picture. */
const RECORDED: readonly {
  seed: number;
  uncommon: UncommonNoise;
  first: number[];
  sum: number;
  next: number[];
}[] = [
  {
    seed: 7,
    uncommon: {
      pyramid: { probability: 1, range: [0.3, 0.5] },
      offset: { probability: 1, range: [0.02, 0.1] },
    },
    first: [-0.22016234695911407, 1.3300422430038452, -0.23408494889736176, -1.6873046159744263],
    sum: 92.13788538426161,
    next: [-0.47099927067756653, -0.7222279906272888, 2.0222439765930176],
  },
  {
    seed: 7,
    uncommon: {
      pyramid: { probability: 1, range: [0.3, 0.3] },
      offset: { probability: 0, range: [0, 0] },
    },
    first: [-0.4311017096042633, 1.1375938653945923, -0.4421532154083252, -1.905163288116455],
    sum: 32.84239176940173,
    next: [0.691318929195404, -0.18494059145450592, -0.6880074143409729],
  },
  {
    seed: 11,
    uncommon: {
      pyramid: { probability: 0, range: [0.3, 0.3] },
      offset: { probability: 1, range: [-0.1, 0.2] },
    },
    first: [-0.7918193340301514, 0.747249960899353, -0.6341733932495117, -0.15803048014640808],
    sum: -122.80513823032379,
    next: [0.9243261218070984, 1.8846228122711182, 0.1313857138156891],
  },
];

Deno.test("withUncommon() draws as gen_img.py 0.10 does, and in its order", () => {
  for (const { seed, uncommon, first, sum, next } of RECORDED) {
    const torch = new TorchGenerator(0);
    torch.manualSeed(seed);
    const values = withUncommon(torch.randn(4 * 8 * 12), [4, 8, 12], seed, uncommon, torch);
    first.forEach((x, i) => assert.ok(Math.abs(values[i] - x) < 2e-6, `${values[i]} for ${x}`));
    assert.ok(Math.abs(values.reduce((a, b) => a + b, 0) - sum) < 1e-3);
    const after = torch.randn(20);
    next.forEach((x, i) => assert.ok(Math.abs(after[i] - x) < 1e-6));
  }
});
