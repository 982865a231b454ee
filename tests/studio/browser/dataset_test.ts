/** The dataset's view in a browser: captions by keyboard, tags of many, buckets, a folder with 10,000 pictures. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { inFolder } from "../../cli/easel.ts";
import { picture } from "../dataset/fixture.ts";
import { CHROMIUM, overflow, startStudio, visit, WIDTHS } from "./browser.ts";

const HOSTILE = "<img src=x onerror=document.title='owned'>\u202egnp.png";

async function dataset(top: string): Promise<string> {
  const dir = join(top, "10_cat");
  Deno.mkdirSync(dir);
  for (const [i, name] of ["a", "b", "c"].entries()) {
    await picture(join(dir, `${name}.png`), 120 + i * 60, 120, i, name === "c");
  }
  Deno.copyFileSync(join(dir, "a.png"), join(dir, "copy.png"));
  await picture(join(dir, HOSTILE), 60, 60, 9);
  Deno.writeTextFileSync(join(dir, "b.txt"), "cat, </textarea><script>document.title='owned'</script>\n");
  Deno.writeTextFileSync(join(dir, "c.txt"), "dog\r\n");
  return dir;
}

const tab = (page: Page, name: string) => page.click(`.dataset-panel [role=tab]:text-is("${name}")`);
const settled = (page: Page, text: string) => page.waitForSelector(`.toast:has-text("${text}")`);

Deno.test({
  name: "a folder's captions, tags, buckets, masks and duplicates, by keyboard and mouse",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (top) => {
      const dir = await dataset(top), read = (name: string) => Deno.readTextFileSync(join(dir, name));
      await using studio = await startStudio([top]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      page.setDefaultTimeout(10_000);
      await page.click('nav a[href="#/dataset"]');
      await page.click('.folder-list a:has-text("10_cat")');
      await page.waitForSelector(".tile img");
      const first = await page.getAttribute(".tile", "aria-label");
      assert(first!.startsWith("<img"), "those without a caption come first");

      // by keyboard: to the second picture, its caption, saved, on to the third
      await page.focus(".grid");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".caption-input:focus");
      await page.keyboard.type("a cat");
      await page.keyboard.press("Control+Enter");
      await page.waitForSelector('.view-actions button:has-text("Undo"):not([disabled])');
      assert.equal(read("a.txt"), "a cat\n");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Control+z");
      await settled(page, "Taken back");
      assert.throws(() => read("a.txt"), Deno.errors.NotFound);

      // somebody else writes the caption that is being edited
      await page.click('.tile:has-text("c.png")');
      await page.fill(".caption-input", "mine");
      Deno.writeTextFileSync(join(dir, "c.txt"), "theirs\n");
      await page.keyboard.press("Control+s");
      assert.equal(await page.textContent(".conflict pre"), "theirs");
      assert.equal(read("c.txt"), "theirs\n");
      await page.click('.conflict button:has-text("Save mine")');
      await page.waitForSelector(".conflict", { state: "detached" });
      assert.equal(read("c.txt"), "mine\n");

      await tab(page, "Tags");
      await page.fill('.dataset-panel form input[type="text"]', "indoors");
      await page.click('button:has-text("Show changes")');
      await page.click('dialog button:has-text("Apply")');
      await settled(page, "Captions changed: 5");
      assert.equal(read("c.txt"), "mine, indoors\n");
      await page.waitForSelector('.tag-list li:has-text("indoors"):has-text("5")');

      await tab(page, "Buckets");
      await page.click('button:has-text("Sort into buckets")');
      await page.click(".buckets-told td button");
      await page.waitForSelector(".stays");
      await page.click('button[title="Remove this filter"]');

      await tab(page, "Masks");
      await page.check('label:has-text("alpha")');
      await page.waitForSelector("img.mask");

      await tab(page, "Duplicates");
      await page.click('button:has-text("Find duplicates")');
      await page.waitForSelector(".duplicates");
      await page.click('button:has-text("Leave out all but")');
      await page.waitForSelector(".tile.left-out");
      assert.equal((await page.$$(".duplicates li")).length, 2);

      await tab(page, "History");
      await page.click(".step >> nth=0");
      assert.match((await page.textContent("dialog .now"))!, /indoors/);
      await page.keyboard.press("Escape");
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 740 });
        assert.equal(await overflow(page), 0, `at ${width}`);
      }
      assert.notEqual(await page.title(), "owned");
      // the refused caption is the browser's own line, not the page's
      assert.deepEqual(complaints.filter((line) => !line.includes("409")), []);
      for (const name of ["a.png", "b.png", "c.png", "copy.png", HOSTILE]) Deno.statSync(join(dir, name));
    });
  },
});

Deno.test({
  name: "10,000 pictures open at once, and only those in sight are drawn",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (top) => {
      await picture(join(top, "p0.png"), 32, 32);
      for (let i = 1; i < 10_000; i++) Deno.linkSync(join(top, "p0.png"), join(top, `p${i}.png`));
      await using studio = await startStudio([top]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      const start = performance.now();
      await page.goto(
        `${new URL(studio.link).origin}/#/dataset/${encodeURIComponent(await Deno.realPath(top))}`,
      );
      await page.waitForSelector('.dataset-count:has-text("10,000 pictures")');
      await page.waitForSelector(".tile img");
      const took = performance.now() - start;
      assert(took < 10_000, `${took} ms`);
      await page.focus(".grid");
      await page.keyboard.press("End");
      await page.waitForSelector('.tile:has-text("p9999.png") img');
      assert((await page.$$(".tile")).length < 100);
      await page.keyboard.press("Control+a");
      await page.waitForSelector('.dataset-count:has-text("10,000 of 10,000 selected")');
      assert.deepEqual(complaints, []);
    });
  },
});
