/** What doctor makes of what it finds. */

import assert from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import { examine, noGpu } from "../../src/tools/doctor.ts";

Deno.test("a GPU that is not there is no fault, a card without GPU code a note, a broken library a fault", () => {
  const missing = new UserError("cuda: easel was built without GPU code (there is no x.so); build it");
  const old = new UserError("cuda: GTX 1080 has compute capability 6.1, easel needs 7.5; use --device cpu");
  const broken = new UserError("/x.so: cannot be loaded (file too short); download easel again");
  for (
    const [error, card, ok, remedy, text] of [
      [missing, false, true, false, /^no NVIDIA card here; computing on the CPU$/],
      [broken, false, true, false, /^no NVIDIA card here/],
      [missing, true, true, true, /but easel was built without GPU code; computing on the CPU$/],
      [old, true, true, true, /cannot be used: GTX 1080 has compute capability 6\.1, easel needs 7\.5; comp/],
      [broken, true, false, false, /cannot be used: \/x\.so: cannot be loaded/],
    ] as const
  ) {
    const found = noGpu(error, card);
    assert.match(found.text, text);
    assert.deepEqual([found.ok, found.remedy !== undefined], [ok, remedy], found.text);
  }
});

Deno.test("a built-in model that is damaged is not ok without a word", async () => {
  const folder = await Deno.makeTempDir();
  Deno.env.set("EASEL_ASSETS", folder);
  try {
    const tiny = () => examine().find(({ name }) => name === "builtin:tiny")!;
    for (const bytes of [null, "<html>"]) {
      if (bytes !== null) Deno.writeTextFileSync(`${folder}/tiny.safetensors`, bytes);
      assert.match(tiny().text, /^cannot be used \(.*tiny\.safetensors/);
      assert.match(tiny().remedy!, /every other model works/);
    }
  } finally {
    Deno.env.delete("EASEL_ASSETS");
    await Deno.remove(folder, { recursive: true });
  }
});
