import assert from "node:assert/strict";
import { UsageError, UserError } from "../../../src/base/errors.ts";
import { checkUpscaler, upscalerFile } from "../../../src/generation/techniques/upscaler_flag.ts";

const none = {
  highresFixUpscaler: null,
  highresFixUpscalerArgs: null,
  highresFixScale: 0.5,
  highresFixLatentsUpscaling: false,
};

Deno.test("--highres_fix_upscaler is a file, or sd-scripts' module with its weights", () => {
  const file = (highresFixUpscaler: string | null, highresFixUpscalerArgs: string | null = null) =>
    upscalerFile({ ...none, highresFixUpscaler, highresFixUpscalerArgs });
  assert.equal(file(null), null);
  assert.equal(file("4x.pth"), "4x.pth");
  for (const module of ["tools.latent_upscaler", "latent_upscaler", "tools/latent_upscaler.py"]) {
    assert.equal(file(module, "weights=D:\\a=b.pth"), "D:\\a=b.pth");
    assert.throws(
      () => file(module),
      /its weights are wanted; give --highres_fix_upscaler_args weights=FILE/,
    );
  }
  assert.throws(() => file("4x.pth", "weights=a"), /4x\.pth takes no weights/);
  const check = (changes: Partial<Parameters<typeof checkUpscaler>[0]>) => () =>
    checkUpscaler({ ...none, highresFixUpscaler: "4x.pth", ...changes });
  assert.throws(check({ highresFixScale: null }), UsageError);
  assert.throws(check({ highresFixLatentsUpscaling: true }), UsageError);
  assert.throws(check({ highresFixUpscaler: "my.module" }), /only tools\.latent_upscaler is known/);
  assert.throws(check({}), UserError);
});
