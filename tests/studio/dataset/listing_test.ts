import assert from "node:assert/strict";
import { join } from "node:path";
import { seeFolder } from "../../../src/studio/dataset/folder/subfolders.ts";
import { desk, picture } from "./fixture.ts";

Deno.test("missing and empty captions come first; search and tags choose", async () => {
  await using at = desk();
  for (const name of ["a", "b", "c", "d"]) at.write(`${name}.png`, "");
  at.write("a.txt", "red cat, sitting");
  at.write("b.txt", " \n");
  at.write("d.txt", "dog, sitting");
  const { names, counts, extension } = await at.told("GET", "names");
  assert.deepEqual(names, ["c.png", "b.png", "a.png", "d.png"]);
  assert.deepEqual([extension, counts.all, counts.missing, counts.empty], [".txt", 4, 1, 1]);
  const chosen = async (fields: Record<string, unknown>) => (await at.told("GET", "names", fields)).names;
  assert.deepEqual(await chosen({ shown: "missing" }), ["c.png"]);
  assert.deepEqual(await chosen({ search: "CAT sit" }), ["a.png"]);
  assert.deepEqual(await chosen({ tag: ["sitting"], without: ["dog"] }), ["a.png"]);
  const { tags } = await at.told("POST", "tag_counts", { extension: ".txt", names: ["a.png", "d.png"] });
  assert.deepEqual(tags[0], { tag: "sitting", count: 2 });
});

Deno.test("hostile names and captions are data, and links out of the folders are refused", async () => {
  await using at = desk();
  const names = [
    "<img src=x onerror=alert(1)>.png",
    "new\nline.png",
    "\u202egnp.png",
    `${"n".repeat(240)}.png`,
  ];
  for (const name of names) at.write(name, "");
  at.write("new\nline.txt", "<script>");
  const outside = Deno.makeTempFileSync({ suffix: ".png" });
  Deno.symlinkSync(outside, join(at.dir, "out.png"));
  Deno.symlinkSync(outside, join(at.dir, "\u202egnp.txt"));
  const found = await at.told("GET", "names", { extension: ".txt" });
  assert.deepEqual(new Set(found.names), new Set([...names, "out.png"]));
  const { items } = await at.told("POST", "items", { extension: ".txt", names: found.names });
  const by = Object.fromEntries(items.map((item: { name: string }) => [item.name, item]));
  assert.equal(by["new\nline.png"].text, "<script>");
  assert.match(by["out.png"].problem, /in none of the studio's folders/);
  assert.match(by["\u202egnp.png"].problem, /in none of the studio's folders/);
  const refused = [
    ["GET", "thumbnail", { name: "out.png" }],
    ["GET", "picture", { name: "out.png" }],
    ["GET", "picture", { name: "../../etc/passwd.png" }],
    ["GET", "names", { folder: "/etc" }],
    ["PUT", "caption", { name: "\u202egnp.png", text: "x", version: "unread" }],
    ["PUT", "caption", { name: "../x.png", text: "x", version: "none" }],
    ["PUT", "caption", { name: "new\nline.png", text: 3, version: "none" }],
  ] as const;
  for (const [method, path, fields] of refused) {
    await assert.rejects(
      at.ask(method, path, { folder: at.dir, extension: ".txt", ...fields }),
      (error: { status?: number }) => [400, 403, 404].includes(error.status!),
      path,
    );
  }
  assert.equal(Deno.readTextFileSync(outside), "");
  Deno.removeSync(outside);
});

Deno.test("folders are shown as a training takes them", async () => {
  await using at = desk();
  for (const name of ["3_dog big", "0_none", "loose", ".hidden"]) {
    Deno.mkdirSync(join(at.dir, name));
    await picture(join(at.dir, name, "a.png"), 8, 8);
  }
  const { folders, notes, repeats, parent } = await at.told("GET", "folder", { path: at.dir });
  assert.deepEqual(
    folders.map(({ name, repeats, classTokens }: Record<string, unknown>) => [name, repeats, classTokens]),
    [["0_none", null, ""], ["3_dog big", 3, "dog big"], ["loose", null, ""]],
  );
  assert.deepEqual([parent, repeats, notes.length], [null, 10, 2]);
  // a folder of such folders has their pictures
  Deno.mkdirSync(join(at.dir, "loose/2_cat"));
  await picture(join(at.dir, "loose/2_cat", "b.png"), 8, 8);
  const again = await at.told("GET", "folder", { path: at.dir });
  assert.deepEqual(again.folders.map(({ pictures }: Record<string, unknown>) => pictures), [1, 1, 2]);
  assert.throws(() => seeFolder(join(at.dir, "nowhere"), (path) => path), /no such folder/);
});

Deno.test("pictures that are left out stay where they are; a folder of links has the others", async () => {
  await using at = desk();
  for (const name of ["a", "b"]) at.write(`${name}.png`, "");
  at.write("a.txt", "cat");
  await at.told("PUT", "left_out", { names: ["b.png"], out: true, extension: ".txt" });
  at.restart();
  const { names, counts } = await at.told("GET", "names", { shown: "left_out" });
  assert.deepEqual([names, counts.leftOut], [["b.png"], 1]);
  for (let i = 0; i < 2; i++) {
    const { folder, pictures } = await at.told("POST", "linked", { extension: ".txt" });
    assert.equal(pictures, 1);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a.png", "a.txt"]);
    assert.match(folder, /\/pictures\/10_cat$/);
  }
  assert.deepEqual([...Deno.readDirSync(at.dir)].map(({ name }) => name).sort(), [
    ...[".easel", "a.png", "a.txt", "b.png"],
  ]);
});
