import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { modelPath } from "../../src/base/assets.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { family, type FamilyName } from "../golden/synth_models.ts";
import { ownSize, referenceSize } from "../../src/generation/pipeline/own_size.ts";

Deno.test("a model is drawn at the size that its file says, else at its family's", () => {
  const size = (name: FamilyName, resolution?: string, velocity = false) => {
    const metadata: Record<string, string> = resolution ? { "modelspec.resolution": resolution } : {};
    const { width, height } = ownSize({ family: family(name), metadata, velocity });
    return `${width}x${height}`;
  };
  deepStrictEqual(
    [size("sd1"), size("sd2"), size("sd2", undefined, true), size("sdxl")],
    ["512x512", "512x512", "768x768", "1024x1024"],
  );
  strictEqual(size("sd1", "128x128"), "128x128");
  strictEqual(size("sdxl", "840x1220"), "840x1216", "multiples of 8");
  for (const nonsense of ["0x0", "big", "8x8", "100000x512"]) strictEqual(size("sd1", nonsense), "512x512");
  deepStrictEqual(referenceSize(family("sd2")), { width: 512, height: 512 });
});

Deno.test("builtin:tiny says that it was made for 128x128", () => {
  using file = openSafetensors(modelPath("builtin:tiny"));
  deepStrictEqual(ownSize({ family: family("sd1"), metadata: file.metadata, velocity: false }), {
    width: 128,
    height: 128,
  });
});
