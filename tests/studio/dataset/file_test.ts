/** Dataset files of the page: form and text are one thing, and no file is lost. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { routes } from "../../../src/studio/dataset/routes.ts";
import type { DatasetFileTold } from "../../../src/studio/dataset/shown.ts";
import { Refused } from "../../../src/studio/studio.ts";
import { ask, withStudio } from "../hand_made.ts";

const PATH = "/api/dataset/file";
const TEXT = `[general]
shuffle_caption = true

[[datasets]]
resolution = [512, 768]
batch_size = 2

[[datasets.subsets]]
image_dir = "10_cat"
num_repeats = 3
caption_dropout_rate = 0.5
`;

Deno.test("a dataset file is read into the form's tables and written back, key for key", async () => {
  await withStudio(async (dir, studio) => {
    Deno.mkdirSync(join(dir, "10_cat"));
    for (const name of ["a.png", "a.caption"]) Deno.writeTextFileSync(join(dir, "10_cat", name), "x");
    const tell = async (body: unknown) =>
      await (await ask(routes, studio, "POST", PATH, { body })).json() as DatasetFileTold;
    const told = await tell({ text: TEXT });
    assert.equal(told.problem, null);
    assert.deepEqual(told.document!.datasets[0].values, { resolution: "[512, 768]", batch_size: "2" });
    assert.deepEqual(told.folders["10_cat"], {
      pictures: 1,
      ending: ".caption",
      repeats: { repeats: 10, classTokens: "cat" },
      problem: null,
    });
    assert.equal((await tell({ document: told.document })).text, TEXT);
    const problems: [string, RegExp][] = [
      ["[[datasets]]\n", /no folder of pictures yet/],
      ["datasets = 3", /list of tables/],
      ["x = ", /./],
      [TEXT.replace("batch_size = 2", 'batch_size = "two"'), /batch_size.*integer/],
      [TEXT.replace("num_repeats", "num_repeat"), /did you mean num_repeats/],
      [TEXT.replace("10_cat", "none"), /no such folder/],
      [TEXT.replace("10_cat", "/etc"), /add its folder first/],
      ['learning_rate = 1\n"a b" = [1]\n', /give it as --config_file/],
    ];
    for (const [text, wanted] of problems) assert.match((await tell({ text })).problem ?? "", wanted, text);
    const strange = await tell({ text: '"a b" = [1]\n' });
    assert.equal((await tell({ document: strange.document })).text, '"a b" = [1]\n');
  });
});

Deno.test("a dataset file is written where none is, and over the one that was opened", async () => {
  await withStudio(async (dir, studio) => {
    const put = async (body: unknown) => await (await ask(routes, studio, "PUT", PATH, { body })).json();
    const path = join(dir, "cats.toml");
    const { version } = await put({ path, text: TEXT });
    const refused = (body: unknown, status: number) =>
      assert.rejects(put(body), (error) => error instanceof Refused && error.status === status);
    await refused({ path, text: TEXT + "\n" }, 409);
    await put({ path, text: TEXT + "\n", version });
    await refused({ path, text: TEXT, version }, 409); // it is another by now
    assert.equal(Deno.readTextFileSync(path), TEXT + "\n");
    await refused({ path: join(dir, "cats.txt"), text: TEXT }, 400);
    await refused({ path: "/etc/cats.toml", text: TEXT }, 403);
    await assert.rejects(put({ path: join(dir, "b.toml"), text: "[[datasets]]" }), /no folder of pictures/);
    const read = await (await ask(routes, studio, "GET", `${PATH}?path=${encodeURIComponent(path)}`)).json();
    assert.equal(read.text, TEXT + "\n");
  });
});
