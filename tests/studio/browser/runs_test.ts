/** A training, watched and told by clicks: charts, save, sample, stop, resume, and the queue by keyboard. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder, userFolder } from "../../cli/easel.ts";
import { CHROMIUM, overflow, shots, startStudio, visit, WIDTHS } from "./browser.ts";

const train = (name: string, steps: number) => ({
  command: "train_network",
  title: name,
  args: [
    ...["--pretrained_model_name_or_path", "model.safetensors", "--train_data_dir", "images"],
    ...["--caption_extension", ".txt", "--resolution", "64", "--output_dir", "out", "--output_name", "cat"],
    ...[
      "--network_module",
      "networks.lora",
      "--network_dim",
      "2",
      "--learning_rate",
      "1e-3",
      "--threads",
      "1",
    ],
    ...[
      "--sample_prompts",
      "prompts.txt",
      "--device",
      "cpu",
      "--seed",
      "1",
      "--max_train_steps",
      String(steps),
    ],
  ],
});

Deno.test({
  name: "a training is watched, saved, sampled, stopped and resumed by clicks, and the queue reordered",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (folder) => {
      const env = await userFolder(folder);
      await Deno.writeTextFile(join(folder, "prompts.txt"), "a <b>cat</b> --s 2\na dog --s 2");
      await using studio = await startStudio([folder, "--stop_jobs"], env);
      await using opened = await visit(studio.link);
      const { page, complaints } = opened;
      const queue = (job: object) =>
        page.evaluate(async (job) => {
          const response = await fetch("/api/jobs", { method: "POST", body: JSON.stringify(job) });
          if (!response.ok) throw new Error(await response.text());
        }, job);
      for (const job of [train("<i>cat</i>\u202e", 1_000_000), train("second", 1), train("third", 1)]) {
        await queue(job);
      }
      await page.goto(new URL("#/queue", page.url()).href);
      await page.locator(".job-card").nth(2).waitFor();
      const titles = () => page.locator(".job-card h3").allInnerTexts();
      const wanted = async (all: string[]) => {
        for (let i = 0; i < 100 && String(await titles()) !== String(all); i++) await page.waitForTimeout(50);
        assert.deepEqual(await titles(), all);
      };
      await wanted(["<i>cat</i>\u202e", "second", "third"]);
      await page.getByRole("button", { name: "Later" }).first().press("Enter");
      await wanted(["<i>cat</i>\u202e", "third", "second"]);
      await page.locator(".job-card[tabindex]").nth(1).press("Alt+ArrowUp");
      await wanted(["<i>cat</i>\u202e", "second", "third"]);
      await page.keyboard.press("Alt+ArrowDown"); // it kept the focus
      await wanted(["<i>cat</i>\u202e", "third", "second"]);
      assert.equal(await overflow(page), 0);
      for (const left of [["<i>cat</i>\u202e", "second"], ["<i>cat</i>\u202e"]]) {
        await page.getByRole("button", { name: "Remove from the list" }).first().click();
        await wanted(left);
      }

      await page.locator(".job-card h3 a").first().click();
      await page.locator(".chart canvas").first().waitFor();
      await page.getByRole("button", { name: "Sample now" }).click();
      await page.locator(".sample-grid img").nth(1).waitFor({ timeout: 30_000 });
      await page.getByRole("button", { name: "Save now" }).click();
      await page.locator(".run-files li").nth(1).waitFor();
      await page.locator(".chart").first().hover({ position: { x: 300, y: 150 } });
      await page.getByText(/^Step \d/).first().waitFor();
      const folderOfShots = Deno.env.get("EASEL_SHOTS");
      if (folderOfShots) await shots(page, folderOfShots, "run");
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        assert.equal(await overflow(page), 0, `${width} pixels`);
      }
      await page.getByRole("button", { name: "Stop after this step" }).click();
      await page.getByText(/go on with --resume/).first().waitFor();
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByRole("button", { name: "Stop after this step" }).waitFor();
      await page.goto(new URL("#/queue", page.url()).href);
      await page.getByRole("heading", { name: "Running" }).waitFor();
      if (folderOfShots) await shots(page, folderOfShots, "queue");
      await page.goto(new URL("#/runs", page.url()).href);
      await page.locator(".table tbody tr").nth(1).waitFor();
      assert.deepEqual(complaints, []);
    });
  },
});
