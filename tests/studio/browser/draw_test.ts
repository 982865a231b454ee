/** Drawing by clicks: a picture, its settings read back, a grid of two LoRAs at two strengths as one PNG. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { decodeImage } from "../../../src/images/load.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { CHROMIUM, overflow, startStudio, visit } from "./browser.ts";

const PIXELS = { width: 2, height: 2, data: new Uint8Array(12) };

Deno.test({
  name: "from a prompt to a picture, back to its settings, and to a grid",
  ignore: !CHROMIUM,
  async fn() {
    const dir = Deno.realPathSync(Deno.makeTempDirSync());
    writeTinyModel(join(dir, "model.safetensors"));
    for (const name of ["cat-000001", "cat"]) writeTinyLora(join(dir, `${name}.safetensors`), name, 2);
    try {
      await using studio = await startStudio([dir]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      await page.goto(new URL("/#/draw", studio.link).href);
      await page.getByLabel("Prompt", { exact: true }).fill("a cat");
      for (const [label, value] of [["Width", "64"], ["Height", "64"], ["Steps", "2"]]) {
        await page.getByLabel(label, { exact: true }).fill(value);
      }
      await page.getByRole("button", { name: "Add a LoRA" }).click();
      await page.keyboard.press("Tab");
      await page.getByLabel("Prompt", { exact: true }).press("Control+Enter");
      const picture = page.locator(".draw-pictures button");
      await picture.first().waitFor({ timeout: 20_000 });
      await picture.first().click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText("cat × 0.8").or(dialog.getByText("cat-000001 × 0.8")).waitFor();
      await page.keyboard.press("Escape");

      const text =
        "<b>bold</b> <lora:cat:0.5> <lora:gone:1>\nSteps: 3, Sampler: Euler, CFG scale: 5, Seed: 77, Size: 64x128";
      await page.setInputFiles("input[type=file]", {
        name: "<img src=x onerror=alert(1)>.png",
        mimeType: "image/png",
        buffer: Buffer.from(encodePng(PIXELS, [["parameters", text]])),
      });
      await dialog.getByText("<b>bold</b>").first().waitFor();
      await dialog.getByRole("button", { name: "Use these again" }).click();
      assert.equal(await page.getByLabel("Seed", { exact: true }).inputValue(), "77");
      assert.equal(await page.getByLabel("Height", { exact: true }).inputValue(), "128");
      assert.equal(await page.getByLabel("Strength of cat", { exact: true }).inputValue(), "0.5");
      await page.getByText("gone was not found below the folders").waitFor();

      await page.getByRole("button", { name: "X/Y grid" }).click();
      await page.getByLabel("Y: values, with commas between").fill("0.5, 1");
      await page.getByRole("button", { name: "Draw 4 pictures" }).click();
      await page.getByText("4 of 4 drawn").waitFor({ timeout: 20_000 });
      assert.deepEqual(await page.locator("thead th").allInnerTexts(), ["cat-000001", "cat"]);
      const saving = page.waitForEvent("download");
      await page.getByRole("button", { name: "Save as one PNG" }).click();
      const saved = await decodeImage(Deno.readFileSync(await (await saving).path()));
      assert.ok(saved.width > 2 * 64 && saved.height > 2 * 128, "labels and all pictures");
      await page.setViewportSize({ width: 360, height: 800 });
      assert.equal(await overflow(page), 0);
      await page.goto(new URL("/#/draw", studio.link).href);
      assert.equal(await overflow(page), 0);
      assert.deepEqual(complaints, []);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  },
});
