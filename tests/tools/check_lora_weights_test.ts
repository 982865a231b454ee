import assert from "node:assert/strict";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { sizeLine, weightSizes } from "../../src/tools/network/check_lora_weights.ts";

Deno.test("check_lora_weights prints means and least values as PyTorch's float32 in Python's digits", () => {
  const path = Deno.makeTempFileSync({ suffix: ".safetensors" });
  try {
    const tensor = (name: string, shape: number[], ...values: number[]) => ({
      ...{ name, dtype: "F32" as const, shape },
      data: new Uint8Array(Float32Array.from(values).buffer),
    });
    writeSafetensors(path, [
      tensor("a.lora_down.weight", [2, 2], 0.1, -0.2, 0.3, 0.00001),
      tensor("a.lora_up.weight", [2, 1, 1, 1], 1, -3),
      tensor("a.alpha", [], 2),
      tensor("b.oft_diag", [2], 1e-7, 0),
    ]);
    assert.deepEqual([...weightSizes(path, true)].map(sizeLine), [
      // torch.mean(torch.abs(value)) and torch.min(torch.abs(value)) of PyTorch 2.13
      "a.lora_down.weight,(2-2),0.15000250935554504,9.999999747378752e-06",
      "a.lora_up.weight,(2-1-1-1),2.0,1.0",
      "b.oft_diag,(2,),5.000000058430487e-08,0.0",
      "a.alpha,(),2.0,2.0",
    ]);
  } finally {
    Deno.removeSync(path);
  }
});
