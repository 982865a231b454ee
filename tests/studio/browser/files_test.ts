/** Models and LoRAs in a browser: hostile names, a damaged file, hashes, a comparison, a merge as a job. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { CHROMIUM, overflow, startStudio, visit } from "./browser.ts";

const HOSTILE = `<img src=x onerror=document.title='owned'>${"long ".repeat(30)}\u202Egnp`;

Deno.test({
  name: "files are told, compared and merged by clicks, whatever they are called",
  ignore: !CHROMIUM,
  async fn() {
    const dir = Deno.realPathSync(Deno.makeTempDirSync());
    writeTinyModel(join(dir, "model.safetensors"));
    for (const [name, rank] of [["a", 2], ["b", 4]] as const) {
      writeTinyLora(join(dir, `${name}.safetensors`), name, rank, { ss_epoch: String(rank), ss_seed: "1" });
    }
    writeTinyLora(join(dir, `${HOSTILE}.safetensors`), "x", 2, { "modelspec.title": HOSTILE });
    Deno.writeTextFileSync(join(dir, "broken.safetensors"), "<!doctype html><p>sign in");
    try {
      await using studio = await startStudio([dir]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      page.setDefaultTimeout(15_000);
      await page.goto(new URL("/#/files", studio.link).href);
      await page.getByText("broken.safetensors: is a web page (HTML)").waitFor();
      assert.equal(await page.locator("tbody tr").count(), 5);
      await page.setViewportSize({ width: 360, height: 800 });
      assert.equal(await overflow(page), 0, "the list on a phone");
      await page.setViewportSize({ width: 1280, height: 800 });

      await page.getByRole("link", { name: "<img src=x" }).click();
      await page.getByRole("button", { name: "Find the hashes" }).click();
      await page.getByText("AutoV2").waitFor();
      await page.getByText("Show the tensors").click();
      await page.getByText("lora_down.weight").first().waitFor();
      await page.setViewportSize({ width: 360, height: 800 });
      assert.equal(await overflow(page), 0, "a file on a phone");
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.getByRole("link", { name: "Back to the files" }).click();

      await page.getByLabel("Choose a.safetensors").check();
      await page.getByLabel("Choose b.safetensors").check();
      await page.getByRole("link", { name: "Compare" }).click();
      await page.getByRole("row", { name: /^ss_epoch 2 4|^ss_epoch 4 2/ }).waitFor();
      assert.equal(await page.getByText("ss_seed").count(), 0);
      await page.getByLabel("Only what differs").uncheck();
      await page.getByText("ss_seed").waitFor();
      await page.getByLabel("Model that they are for").fill(join(dir, "model.safetensors"));
      await page.getByRole("button", { name: "Compare what they do" }).click();
      await page.getByText("is in the queue").first().waitFor();
      await page.goBack();

      await page.getByLabel("Choose a.safetensors").check();
      await page.getByLabel("Choose b.safetensors").check();
      await page.getByRole("button", { name: "Merge" }).click();
      const dialog = page.getByRole("dialog"), saveTo = dialog.getByLabel("Save as");
      await saveTo.fill(join(dir, "a.safetensors"));
      await dialog.getByText("There is a file of that name already").waitFor();
      await saveTo.fill(join(dir, "both.safetensors"));
      await dialog.getByRole("button", { name: "Add to the queue" }).click();
      for (let i = 0; i < 60 && !exists(join(dir, "both.safetensors")); i++) await page.waitForTimeout(250);
      assert.ok(exists(join(dir, "both.safetensors")), "the job has merged them");
      assert.equal(await page.title(), "Files – easel studio");
      assert.deepEqual(complaints, []);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  },
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
