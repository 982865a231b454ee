/** The whole way by clicks: from an empty folder to pictures, to a LoRA trained on the built-in model, to a picture. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { encodePng } from "../../../src/images/png_file.ts";
import { inFolder } from "../../cli/easel.ts";
import { CHROMIUM, startStudio, visit } from "./browser.ts";

/** A square of one colour. */
function picture(side: number, color: readonly number[]): Buffer {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => color[i % 3]);
  return Buffer.from(encodePng({ width: side, height: side, data }));
}

Deno.test({
  name: "from an empty folder to a trained LoRA to a picture, only by clicks",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (folder) => {
      await using studio = await startStudio([folder]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      const dialog = page.getByRole("dialog");

      await page.click('nav a[href="#/dataset"]');
      await page.getByRole("button", { name: "Add pictures" }).click();
      await dialog.locator("input[type=file]").setInputFiles([
        { name: "a.png", mimeType: "image/png", buffer: picture(64, [200, 30, 30]) },
        { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a red thing") },
        { name: "b.png", mimeType: "image/png", buffer: picture(64, [30, 30, 200]) },
        { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("a blue thing") },
      ]);
      // into a folder of folders, as --train_data_dir wants it
      await dialog.getByLabel("Name of the new folder").fill("1_thing");
      await dialog.getByRole("button", { name: "Add", exact: true }).click();
      await page.locator(".tile").nth(1).waitFor();

      await page.click('nav a[href="#/new"]');
      await page.getByRole("button", { name: "Use preset" }).click();
      const input = (name: string) => page.locator(`[data-option="${name}"] :is(input, select)`).first();
      await input("output_dir").fill("out");
      await input("output_name").fill("thing");
      await page.locator('[data-option="train_data_dir"]').getByRole("button").first().click();
      await dialog.locator(".path-list button").first().click();
      await dialog.getByRole("button", { name: "Use this folder" }).click();
      for (const [name, value] of [["max_train_epochs", "1"], ["resolution", "64"]]) {
        await input(name).fill(value);
      }
      await page.locator('[role="status"]:has-text("Ready to start.")').waitFor();
      await page.locator('button:has-text("Start"):not([disabled])').click();

      await page.waitForSelector("main.view-queue .job-card");
      await page.locator('.job-card .badge:has-text("Done")').waitFor({ timeout: 60_000 });

      await page.click('nav a[href="#/draw"]');
      await page.getByLabel("Prompt", { exact: true }).fill("a red thing");
      for (const [label, value] of [["Width", "64"], ["Height", "64"], ["Steps", "2"]]) {
        await page.getByLabel(label, { exact: true }).fill(value);
      }
      await page.getByRole("button", { name: "Add a LoRA" }).click();
      await page.getByRole("button", { name: "Draw", exact: true }).click();
      const drawn = page.locator(".draw-pictures button");
      await drawn.first().waitFor({ timeout: 60_000 });
      await drawn.first().click();
      await dialog.getByText("thing × ").waitFor();

      const made = Deno.statSync(join(folder, "out/thing.safetensors"));
      assert(made.size > 1000);
      assert.deepEqual(complaints, []);
    });
  },
});
