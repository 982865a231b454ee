/** What is said where there is no GPU to be had: nothing to whoever has no card, one line to whoever asked for one. */

import assert from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import { cardHere, openChosenDevice, whyNoGpu } from "../../src/runtime/mod.ts";

/** Opens a device with easel's libraries but the CUDA one, and gives the lines that were said. */
function opened(text: string, card: boolean): string[] {
  const folder = Deno.makeTempDirSync({ prefix: "easel libraries " });
  const before = Deno.env.get("EASEL_LIBRARY_DIR");
  const cpu = `${before ?? `${import.meta.dirname}/../../build`}/libeasel_cpu.so`;
  Deno.symlinkSync(Deno.realPathSync(cpu), `${folder}/libeasel_cpu.so`);
  Deno.env.set("EASEL_LIBRARY_DIR", folder);
  try {
    const lines: string[] = [];
    openChosenDevice(text, { threads: 1 }, (line) => lines.push(line), card).close();
    return lines;
  } finally {
    if (before === undefined) Deno.env.delete("EASEL_LIBRARY_DIR");
    else Deno.env.set("EASEL_LIBRARY_DIR", before);
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a machine without a card hears nothing of CUDA, one with a card why it is not used", () => {
  assert.deepEqual(opened("auto", false), []);
  assert.deepEqual(opened("cpu", true), []);
  assert.deepEqual(opened("auto", true), ["computing on the CPU (easel was built without GPU code)"]);
});

Deno.test("--device cuda without card or GPU code ends in one line that never says to download again", () => {
  for (
    const [text, card, pattern] of [
      ["cuda", false, /^--device cuda: no NVIDIA card shows itself here .*use --device cpu$/],
      ["cuda:1", false, /^--device cuda:1: no NVIDIA card/],
      ["cuda", true, /^cuda: easel was built without GPU code \(there is no .*libeasel_cuda\.so\); build it/],
    ] as const
  ) {
    assert.throws(() => opened(text, card), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, pattern);
      assert.doesNotMatch(error.message, /download|\n|Could not open library/);
      return true;
    });
  }
});

Deno.test("why there is no GPU comes without the advice for those who asked for one", () => {
  for (
    const [message, why] of [
      [
        "cuda: no NVIDIA driver here (x); install it, or use --device cpu",
        "no NVIDIA driver here (x); install it",
      ],
      [
        "cuda: the driver is here, but no NVIDIA GPU; use --device cpu",
        "the driver is here, but no NVIDIA GPU",
      ],
      [
        "cuda: this libeasel_cuda.so was built without nvcc and has no kernels; build it",
        "easel was built without GPU code",
      ],
    ]
  ) assert.equal(whyNoGpu(new UserError(message)), why);
});

Deno.test("a card shows itself by its device files", () => {
  if (Deno.env.get("EASEL_CUDA_DRIVER")) return;
  assert.equal(cardHere(["/nowhere/nvidiactl"]), false);
  assert.equal(cardHere(["/nowhere/nvidiactl", "/dev/null"]), true);
});
