/** A dataset file made of two folders by clicks, edited in both of its views, saved, and trained on. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../../cli/easel.ts";
import { writePictures } from "../../training/tiny_run.ts";
import { CHROMIUM, overflow, shots, startStudio, visit, WIDTHS } from "./browser.ts";

Deno.test({
  name: "folders become a dataset file, and that a training",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (folder) => {
      for (const name of ["cats", "3_dog"]) {
        writePictures(join(folder, name), 2);
        Deno.mkdirSync(join(folder, "pictures"), { recursive: true });
        Deno.renameSync(join(folder, name, "1_thing"), join(folder, "pictures", name));
      }
      await using studio = await startStudio([join(folder, "pictures")]);
      await using visited = await visit(studio.link);
      visited.page.setDefaultTimeout(6000);
      const { page, complaints } = visited, toml = page.getByLabel("TOML");
      const holds = async (pattern: RegExp) => {
        for (let i = 0; i < 200 && !pattern.test(await toml.inputValue()); i++) await page.waitForTimeout(25);
        assert.match(await toml.inputValue(), pattern);
      };
      // nothing was trained here yet: the studio begins with the pictures
      await page.getByRole("heading", { name: "Dataset" }).waitFor();
      await page.getByRole("link", { name: "cats" }).click();
      await page.getByRole("heading", { name: "cats" }).waitFor();
      await page.getByRole("button", { name: "Train with these" }).click(); // no name says its repeats
      await page.getByRole("heading", { name: "Dataset file" }).waitFor();
      await holds(/image_dir = ".*\/cats"\nnum_repeats = 1/);
      await page.getByRole("button", { name: /^Add: .*3_dog$/ }).click();
      await holds(/num_repeats = 3\nclass_tokens = "dog"/);
      await page.getByLabel("Repeats").first().fill("5");
      await holds(/num_repeats = 5/);
      await page.getByLabel("Resolution").fill("64x96");
      await holds(/resolution = \[64, 96\]/);
      await page.getByLabel("Batch size").fill("two");
      await page.getByText(/batch_size.*an integer is wanted/).waitFor();
      assert(await page.getByRole("button", { name: "Train with it" }).isDisabled());
      await toml.fill((await toml.inputValue()).replace('"two"', "2\nkeep_tokens = 1"));
      await page.getByText("keep_tokens = 1").last().waitFor(); // a key without a field of its own
      assert.equal(await page.getByLabel("Batch size").inputValue(), "2");
      const folderOfShots = Deno.env.get("EASEL_SHOTS");
      if (folderOfShots) await shots(page, folderOfShots, "dataset_file");
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        assert.equal(await overflow(page), 0, String(width));
      }
      await page.getByRole("button", { name: "Train with it" }).click();
      await page.getByRole("heading", { name: "train_network" }).waitFor();
      const path = Deno.realPathSync(join(folder, "pictures/dataset.toml"));
      assert.equal(await page.locator('[data-option="dataset_config"] input').inputValue(), path);
      assert.match(Deno.readTextFileSync(path), /keep_tokens = 1/);
      // the next one does not replace it
      await page.goto(`${new URL(studio.link).origin}/#/dataset/file`);
      await page.getByRole("button", { name: "New", exact: true }).click();
      await page.getByRole("button", { name: /^Add: .*3_dog$/ }).click();
      await holds(/3_dog/);
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByText("is there already; choose another name").waitFor();
      assert.deepEqual(complaints.filter((line) => !/409/.test(line)), []);
    });
  },
});
