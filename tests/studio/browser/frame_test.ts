/** The page around the views, in a browser; and the program that serves it. */

import assert from "node:assert/strict";
import { inFolder } from "../../cli/easel.ts";
import { CHROMIUM, overflow, startStudio, visit, WIDTHS } from "./browser.ts";

const VIEWS = ["dataset", "new", "queue", "runs", "draw", "files"];

Deno.test("easel studio serves until Ctrl-C and ends with 130; its port is then free again", async () => {
  await inFolder(async (folder) => {
    const first = await startStudio([folder, "--token", "just for this very test"]);
    const { port, origin } = new URL(first.link);
    const { status } = await fetch(`${origin}/api/studio`);
    assert.equal(status, 401);
    const admitted = await fetch(first.link);
    const cookie = admitted.headers.get("set-cookie")!.split(";")[0];
    await admitted.body!.cancel();
    const stream = await fetch(`${origin}/api/events`, { headers: { cookie } }); // an open one keeps nothing waiting
    const { code, stdout, stderr } = await first.stop();
    await stream.body!.cancel().catch(() => {});
    assert.equal(code, 130, stderr);
    assert.match(stderr, /^the page ends; jobs that run go on/m);
    assert.deepEqual(stdout.trim().split("\n").map((line) => JSON.parse(line).event), ["studio", "error"]);
    // a browser that was let in stays so where the user gave the token
    await using second = await startStudio([folder, "--token", "just for this very test", "--port", port]);
    const answer = await fetch(`${origin}/api/studio`, { headers: { cookie } });
    assert.equal(answer.status, 200);
    const known = await answer.json();
    assert.deepEqual(known.folders, [await Deno.realPath(folder)]);
    assert(known.commands.some(({ name }: { name: string }) => name === "train_network"));
    assert.equal(new URL(second.link).port, port);
  });
});

Deno.test({
  name: "all views are reached, by keyboard too, in three languages and both schemes, at a phone's width",
  ignore: !CHROMIUM,
  async fn() {
    await inFolder(async (folder) => {
      await using studio = await startStudio([folder]);
      await using visited = await visit(studio.link);
      const { page, complaints } = visited;
      assert.equal(new URL(page.url()).search, "", "the token does not stay in the address");
      for (const view of VIEWS) {
        await page.click(`nav a[href="#/${view}"]`);
        await page.waitForSelector(`main.view-${view} h1`);
        assert.equal(await page.getAttribute("nav a[aria-current]", "href"), `#/${view}`);
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 740 });
          assert.equal(await overflow(page), 0, `${view} at ${width}`);
        }
      }
      // the first stop of the Tab key leads past the navigation
      await page.goto(`${new URL(studio.link).origin}/#/runs`);
      await page.reload();
      await page.waitForSelector("main h1");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate("document.activeElement.id"), "main");

      for (const [code, word] of [["ko", "대기열"], ["ja", "キュー"], ["en", "Queue"]]) {
        await page.selectOption(".frame-settings select", code);
        await page.waitForSelector(`nav a:has-text("${word}")`);
        assert.equal(await page.getAttribute("html", "lang"), code);
      }
      await page.selectOption(".frame-settings select", "ko");
      await page.getByRole("button", { name: "어두운 화면" }).click();
      await page.reload();
      assert.equal(await page.getAttribute("html", "data-scheme"), "dark", "the choice is remembered");
      assert.equal(await page.getAttribute("html", "lang"), "ko");
      assert.deepEqual(complaints, []);
    });
  },
});
