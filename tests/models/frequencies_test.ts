import assert from "node:assert/strict";
import { frequencies } from "../../src/models/unet/frequencies.ts";

// half, index, bits of torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)[index], PyTorch 2.13
const TORCH = [
  [160, 0, 0x3f800000],
  [160, 1, 0x3f71adf9],
  [160, 2, 0x3f642906],
  [160, 15, 0x3ed7e89b],
  [160, 42, 0x3db68738],
  [160, 159, 0x38de2440],
  [128, 12, 0x3ed7e89b],
  [128, 106, 0x39ff4fad],
  [32, 3, 0x3ed7e89b],
] as const;

Deno.test("frequencies have the bits that PyTorch gives them, also where float32 has a nearer neighbour", () => {
  for (const [half, i, bits] of TORCH) {
    assert.equal(new Uint32Array(frequencies(half).buffer)[i], bits, `${half} frequencies, number ${i}`);
  }
});
