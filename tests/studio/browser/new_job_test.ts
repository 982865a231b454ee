/** The form of a new job, in a browser: a preset, its other views, errors at their field, the plan, an import, the start. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../../cli/easel.ts";
import { writePictures } from "../../training/tiny_run.ts";
import { CHROMIUM, overflow, shots, startStudio, visit, WIDTHS } from "./browser.ts";

Deno.test({
  name: "a preset becomes a job in the queue: form, command line and TOML follow each other",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (folder) => {
      writePictures(join(folder, "images"), 2);
      await using studio = await startStudio([folder]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      const input = (name: string) => page.locator(`[data-option="${name}"] :is(input, select, textarea)`);
      const text = (label: string) => page.locator(`textarea[aria-label="${label}"]`);
      // the page's policy lets nothing poll in it that is made of text
      const until = async (expression: string) => {
        for (const end = Date.now() + 20_000; !await page.evaluate(expression);) {
          assert(Date.now() < end, `${expression}: never came to be`);
          await page.waitForTimeout(30);
        }
      };
      const holds = (label: string, part: string) =>
        until(
          `document.querySelector('textarea[aria-label="${label}"]')?.value.includes(${
            JSON.stringify(part)
          })`,
        );
      await page.click('nav a[href="#/new"]');
      await page.click('button:has-text("Use preset")');
      await input("output_dir").fill("out");
      await input("train_data_dir").fill("ima");
      await until(
        `document.querySelector('[data-option="train_data_dir"] datalist option')?.value === "images/"`,
      );
      await input("train_data_dir").fill("images");
      await page.waitForSelector('[role="status"]:has-text("Ready to start.")');
      // an error stands at its field, and the text stays
      await input("network_dim").fill("eight");
      await page.waitForSelector('[data-option="network_dim"] .error');
      assert.equal(await page.isDisabled('button:has-text("Start")'), true);
      await holds("Command line", "--network_dim eight");
      // the line leads, by the keyboard; what there is no flag for is kept
      await text("Command line").focus();
      await page.keyboard.press("Control+End");
      await page.keyboard.type(" --network_dim 4 --output_name 'it is' --lowvram_mode 1");
      await until(`document.querySelector('[data-option="network_dim"] input').value === "4"`);
      await page.click('[role="tab"]:has-text("TOML")');
      await holds("TOML", 'output_name = "it is"');
      await holds("TOML", 'lowvram_mode = "1"');
      // the TOML leads
      const toml = await text("TOML").inputValue();
      await text("TOML").fill(
        toml.replace(/^lowvram_mode.*\n/m, "").replace("max_train_epochs = 20", "max_train_epochs = 1"),
      );
      await page.waitForSelector('[role="status"]:has-text("Ready to start.")');
      await until(`document.querySelector('[data-option="max_train_epochs"] input').value === "1"`);
      await page.waitForSelector(".plan-numbers dd", { timeout: 60_000 });
      const folderOfShots = Deno.env.get("EASEL_SHOTS");
      if (folderOfShots) await shots(page, folderOfShots, "new_job");
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 740 });
        assert.equal(await overflow(page), 0, String(width));
      }
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [".easel", "images"]);
      // an import replaces the form, also by another command's
      await page.click('button:has-text("Import")');
      await page.fill(
        "dialog textarea",
        "accelerate launch train_db.py ^\r\n --output_dir C:\\out --learning_rate 1e-6",
      );
      await page.click('button:has-text("Read it")');
      await page.waitForSelector('h1:has-text("train_db")');
      await until(`document.querySelector('[data-option="output_dir"] input')?.value === "C:\\\\out"`);
      await page.goBack();
      await page.waitForSelector('h1:has-text("train_network")');
      // values that another view hands over
      const values = {
        pretrained_model_name_or_path: "builtin:tiny",
        train_data_dir: "images",
        resolution: "64",
        output_dir: "out",
        max_train_steps: "1",
      };
      await page.goto(
        `${new URL(studio.link).origin}/#/new/train_network/${encodeURIComponent(JSON.stringify(values))}`,
      );
      await until(`document.querySelector('[data-option="train_data_dir"] input')?.value === "images"`);
      await page.click('button:has-text("Start"):not([disabled])');
      await until(`location.hash === "#/queue"`);
      assert.equal([...Deno.readDirSync(join(folder, ".easel/jobs"))].length, 1);
      assert.deepEqual(complaints, []);
    });
  },
});
