import assert from "node:assert/strict";
import { join } from "node:path";
import { editTags, tagCounts, type TagEdit } from "../../../src/studio/dataset/captions/tags.ts";
import { beforeJob, closeJobSteps } from "../../../src/studio/dataset/captions/job_step.ts";
import { changeCaptions } from "../../../src/studio/dataset/captions/change.ts";
import { UndoSteps } from "../../../src/studio/dataset/captions/undo_steps.ts";
import { encodeTextLike } from "../../../src/formats/text_file.ts";
import { roomFor } from "../../../src/studio/dataset/room.ts";
import { type Desk, desk } from "./fixture.ts";

Deno.test("editTags() adds, removes, replaces and reorders, and leaves other captions to the byte", () => {
  const table: readonly [string, TagEdit, string][] = [
    ["cat, sitting", { kind: "add", tags: ["red", "cat"], at: "end" }, "cat, sitting, red"],
    ["cat", { kind: "add", tags: ["a", "b"], at: "front" }, "a, b, cat"],
    ["", { kind: "add", tags: ["cat"], at: "end" }, "cat"],
    ["cat,sitting ,cat", { kind: "remove", tags: ["sitting"] }, "cat, cat"],
    ["cat,  sitting", { kind: "remove", tags: ["dog"] }, "cat,  sitting"],
    ["a, cat, b", { kind: "replace", tags: ["cat", "b"], by: ["dog", "a"] }, "a, dog"],
    ["a, cat", { kind: "replace", tags: ["cat"], by: ["cat", "dog"] }, "a, cat, dog"],
    ["a, b, c", { kind: "front", tags: ["c", "x", "b"] }, "c, b, a"],
    ["a, b\n\nb, c", { kind: "remove", tags: ["b"] }, "a\n\nc"],
  ];
  for (const [caption, edit, expected] of table) assert.equal(editTags(caption, edit), expected);
  assert.deepEqual(tagCounts(["a, b, a", "b", ""]), [{ tag: "b", count: 2 }, { tag: "a", count: 1 }]);
});

Deno.test("encodeTextLike() keeps encoding, byte order mark, line ends and the end of the last line", () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const table: readonly [Uint8Array | null, string, Uint8Array][] = [
    [null, "ü", text("ü\n")],
    [null, "", text("")],
    [text("a"), "b", text("b")],
    [text("a\n"), "b\nc", text("b\nc\n")],
    [text("\ufeffa\r\n"), "b\nc", text("\ufeffb\r\nc\r\n")],
    [text(""), "b", text("b\n")],
    [Uint8Array.of(0xff, 0xfe, 97, 0, 10, 0), "b", Uint8Array.of(0xff, 0xfe, 98, 0, 10, 0)],
    [Uint8Array.of(0, 97), "é", Uint8Array.of(0, 0xe9)],
  ];
  for (const [like, given, expected] of table) {
    assert.deepEqual([...encodeTextLike(given, like)], [...expected]);
  }
});

async function item(at: Desk, name: string) {
  return (await at.told("POST", "items", { names: [name], extension: ".txt" })).items[0];
}

async function save(at: Desk, name: string, text: string, version?: string) {
  const body = {
    folder: at.dir,
    extension: ".txt",
    name,
    text,
    version: version ?? (await item(at, name)).version,
  };
  return await at.ask("PUT", "caption", body);
}

Deno.test("a caption is edited, taken back and done again, also by a new server", async () => {
  await using at = desk();
  for (const name of ["a.png", "b.png"]) at.write(name, "no picture, which does not matter here");
  at.write("a.txt", "\ufeffcat\r\n");
  assert.equal((await save(at, "a.png", "dog\nsitting")).status, 200);
  assert.equal(at.read("a.txt"), "\ufeffdog\r\nsitting\r\n");
  assert.equal((await save(at, "b.png", "<b>\u202e new")).status, 200);
  assert.equal(at.read("b.txt"), "<b>\u202e new\n");
  at.restart();
  const undo = (way: string, more = {}) => at.told("POST", "undo", { extension: ".txt", way, ...more });
  assert.equal((await undo("undo")).changed, 1);
  assert.throws(() => at.read("b.txt"), Deno.errors.NotFound);
  assert.equal((await undo("undo")).changed, 1);
  assert.equal(at.read("a.txt"), "\ufeffcat\r\n");
  assert.equal((await undo("undo")).step, null);
  at.restart();
  assert.deepEqual((await undo("redo")).steps.undone.length, 1);
  assert.equal(at.read("a.txt"), "\ufeffdog\r\nsitting\r\n");
  await save(at, "a.png", "bird");
  assert.equal((await undo("redo")).step, null, "a new change ends what could be done again");
});

Deno.test("a caption that somebody else changed is never overwritten: 409 with both texts", async () => {
  await using at = desk();
  at.write("a.png", "");
  at.write("a.txt", "cat\n");
  const { version } = await item(at, "a.png");
  at.write("a.txt", "theirs\n");
  const refused = await save(at, "a.png", "mine", version), told = await refused.json();
  assert.equal(refused.status, 409);
  assert.deepEqual([told.theirs, told.mine], ["theirs", "mine"]);
  assert.equal(at.read("a.txt"), "theirs\n");
  assert.equal((await save(at, "a.png", "mine", told.version)).status, 200);
  at.write("a.txt", "theirs again\n");
  const conflict = await at.told("POST", "undo", { extension: ".txt", way: "undo" });
  assert.deepEqual(
    conflict.conflicts.map(({ theirs, mine }: { theirs: string; mine: string }) => [theirs, mine]),
    [
      ["theirs again", "theirs"],
    ],
  );
  assert.equal(at.read("a.txt"), "theirs again\n");
  assert.equal(conflict.steps.done.length, 1, "the step is still there");
  await at.told("POST", "undo", { extension: ".txt", way: "undo", skip: true });
  assert.equal(at.read("a.txt"), "theirs again\n");
});

Deno.test("what is no text is told and not overwritten", async () => {
  await using at = desk();
  at.write("a.png", "");
  at.write("a.txt", Uint8Array.of(0xe9, 0x20, 0xe9, 0x21));
  await assert.rejects(save(at, "a.png", "mine"), /a\.txt: is not UTF-8 text; save it as UTF-8/);
  const { problems, changed } = await at.told("POST", "tags", {
    ...{ extension: ".txt", names: ["a.png"], kind: "add", tags: ["x"] },
  });
  assert.deepEqual([problems.length, changed], [1, 0]);
  assert.equal(Deno.readFileSync(join(at.dir, "a.txt")).length, 4);
});

Deno.test("tags of many are one step", async () => {
  await using at = desk();
  for (const name of ["a", "b", "c"]) at.write(`${name}.png`, "");
  at.write("a.txt", "cat, red");
  at.write("b.txt", "dog");
  const edit = {
    extension: ".txt",
    names: ["a.png", "b.png", "c.png"],
    kind: "add",
    tags: ["x"],
    at: "front",
  };
  const preview = await at.told("POST", "tags", { ...edit, preview: true });
  assert.deepEqual([preview.count, preview.first[0]], [3, {
    file: "a.txt",
    before: "cat, red",
    after: "x, cat, red",
  }]);
  assert.equal(at.read("a.txt"), "cat, red");
  assert.equal((await at.told("POST", "tags", edit)).changed, 3);
  assert.deepEqual(["a.txt", "b.txt", "c.txt"].map(at.read), ["x, cat, red", "x, dog", "x\n"]);
  const { steps: { done: [step] } } = await at.told("POST", "undo", {
    extension: ".txt",
    way: "undo",
    skip: false,
  })
    .then(() => at.told("POST", "undo", { extension: ".txt", way: "redo" }));
  const shown = await at.told("GET", "step", { extension: ".txt", id: step.id });
  assert.deepEqual(shown.changes[2], { file: "c.txt", before: null, after: "x" });
});

Deno.test("a step whose server was killed in the middle is taken back or done again", async () => {
  await using at = desk();
  at.write("a.txt", "old a");
  at.write("b.txt", "old b");
  const bytes = (text: string) => new TextEncoder().encode(text), path = (name: string) => join(at.dir, name);
  new UndoSteps(at.home, at.dir, (path) => path).push({ kind: "edit" }, [
    { path: path("a.txt"), before: bytes("old a"), after: bytes("new a") },
    { path: path("b.txt"), before: bytes("old b"), after: bytes("new b") },
  ]);
  at.write("a.txt", "new a"); // and here it was killed
  assert.equal((await at.told("POST", "undo", { extension: ".txt", way: "undo" })).changed, 1);
  assert.deepEqual([at.read("a.txt"), at.read("b.txt")], ["old a", "old b"]);
  assert.equal((await at.told("POST", "undo", { extension: ".txt", way: "redo" })).changed, 2);
  assert.deepEqual([at.read("a.txt"), at.read("b.txt")], ["new a", "new b"]);
});

Deno.test("what a job writes is one step, edits made meanwhile are another", async () => {
  await using at = desk();
  at.write("a.txt", "old a");
  const steps = roomFor(at.studio).open(at.dir, ".txt").steps;
  const head = beforeJob(
    steps,
    "make_captions",
    ["a.txt", "b.txt", "c.txt"].map((name) => join(at.dir, name)),
  );
  steps.settle(head, steps.step(head.id).changes, "job-1");
  at.write("a.txt", "job a");
  at.write("b.txt", "job b");
  closeJobSteps(steps, () => false);
  assert.equal(steps.done[0].open, true);
  closeJobSteps(steps, (job) => job === "job-1");
  assert.deepEqual(steps.done.map(({ open, count }) => [open, count]), [[false, 2]]);
  assert.equal((await at.told("POST", "undo", { extension: ".txt", way: "undo" })).changed, 2);
  assert.equal(at.read("a.txt"), "old a");
  assert.throws(() => at.read("b.txt"), Deno.errors.NotFound);
});

Deno.test("steps that came with a folder write nothing outside of it", async () => {
  await using at = desk();
  const outside = `${at.dir}_outside.txt`, bytes = (text: string) => new TextEncoder().encode(text);
  const planted = new UndoSteps(at.home, at.dir, (path) => path);
  Deno.symlinkSync(outside, join(at.dir, "link.txt"));
  for (const path of [outside, join(at.dir, "..", "x.txt"), join(at.dir, "link.txt")]) {
    const { id } = planted.push({ kind: "edit" }, [{ path, before: bytes("planted"), after: null }]);
    at.restart();
    const { error } = await at.told("POST", "undo", { extension: ".txt", way: "undo" });
    assert.match(error, /is no caption of its folder|is a link to something that there is not/);
    planted.drop(id);
  }
  assert.throws(() => Deno.statSync(outside), Deno.errors.NotFound);
});

Deno.test("a change waits for the one before it", async () => {
  await using at = desk();
  const names = Array.from({ length: 60 }, (_, i) => `p${i}.png`);
  for (const name of names) at.write(name, "");
  const edit = { extension: ".txt", names, kind: "add", tags: ["x"], at: "end" };
  const [, undone] = await Promise.all([
    at.told("POST", "tags", edit),
    new Promise((resolve) => setTimeout(resolve, 30)).then(() =>
      at.told("POST", "undo", { extension: ".txt", way: "undo" })
    ),
  ]);
  const left = [...Deno.readDirSync(at.dir)].filter(({ name }) => name.endsWith(".txt")).length;
  assert.equal(left, undone.step === null ? 60 : 0, "all of it or nothing");
});

Deno.test("a link that came in the caption's place since it was read is not written through", async () => {
  await using at = desk();
  const outside = `${at.dir}_outside.txt`, path = join(at.dir, "a.txt");
  const bytes = (text: string) => new TextEncoder().encode(text);
  const { steps } = roomFor(at.studio).open(at.dir, ".txt");
  Deno.writeTextFileSync(outside, "old");
  Deno.symlinkSync(outside, path);
  const change = { path, before: bytes("old"), after: bytes("new") };
  await assert.rejects(
    changeCaptions(steps, { kind: "edit" }, [change]),
    /lies in none of the studio's folders/,
  );
  assert.equal(Deno.readTextFileSync(outside), "old");
});

Deno.test("steps that are damaged are none, and those of two servers stand beside each other", async () => {
  await using at = desk();
  const bytes = (text: string) => new TextEncoder().encode(text), path = join(at.dir, "a.txt");
  const open = () => new UndoSteps(at.home, at.dir, (path) => path), steps = open(), other = open();
  const change = { path, before: bytes("a"), after: bytes("b") };
  steps.push({ kind: "edit" }, [change]);
  other.push({ kind: "edit" }, [change]);
  assert.deepEqual(open().done.map(({ id }) => id), [1, 2]);
  const [{ name: place }] = [...Deno.readDirSync(join(at.home, "undo"))];
  const file = join(at.home, "undo", place, "step-000002.json"), text = Deno.readTextFileSync(file);
  const whole = JSON.parse(text);
  const damaged = [
    { changes: [null] },
    { changes: [{ path: 5, before: null }] },
    { changes: [{ path, before: "no base64!" }] },
    { changes: [{ path, before: 5, after: null }] },
    { changes: {} },
    { deed: null },
    { time: "soon" },
    { id: 7 },
  ].map((change) => JSON.stringify({ ...whole, ...change }));
  for (const wrong of [...damaged, text.slice(0, 50), "\0\xff", "null"]) {
    Deno.writeTextFileSync(file, wrong);
    assert.deepEqual(open().done.map(({ id }) => id), [1], wrong);
  }
});
