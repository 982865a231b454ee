/** Choosing a path by clicks, and files that the page brings. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { attachment, file } from "../../../src/studio/server/answers.ts";
import type { Browsed } from "../../../src/studio/server/browse.ts";
import { studioRoutes } from "../../../src/studio/server/studio_routes.ts";
import { keepUpload } from "../../../src/studio/server/uploads.ts";
import { Refused } from "../../../src/studio/studio.ts";
import { ask, withStudio } from "../hand_made.ts";

const touch = (path: string) => Deno.writeTextFileSync(path, "");

async function status(answer: Promise<unknown>): Promise<number> {
  try {
    await answer;
    return 200;
  } catch (error) {
    assert(error instanceof Refused, String(error));
    return error.status;
  }
}

Deno.test("a folder shows folders and files of the kind that is wanted, and leads up as far as the studio's", async () => {
  await withStudio(async (dir, studio) => {
    for (const name of ["b", "a", ".hidden", "b/deep"]) Deno.mkdirSync(join(dir, name));
    for (const name of ["x.safetensors", "Y.CKPT", "z.txt", ".x.pt"]) touch(join(dir, name));
    Deno.symlinkSync(join(dir, "b"), join(dir, "link"));
    const browse = async (query: Record<string, string>) => {
      const answer = await ask(studioRoutes, studio, "GET", `/api/browse?${new URLSearchParams(query)}`);
      const { path, parent, entries } = await answer.json() as Browsed;
      return { path, parent, names: entries.map(({ name, folder }) => folder ? `${name}/` : name) };
    };
    const top = await browse({});
    assert.deepEqual(top, { path: null, parent: null, names: [`${dir}/`] });
    const models = { path: dir, parent: null, names: ["a/", "b/", "link/", "Y.CKPT", "x.safetensors"] };
    assert.deepEqual(await browse({ path: dir, kind: "model" }), models);
    assert.deepEqual((await browse({ path: dir, kind: "folder" })).names, ["a/", "b/", "link/"]);
    assert.deepEqual(await browse({ path: join(dir, "b") }), {
      path: join(dir, "b"),
      parent: dir,
      names: ["deep/"],
    });
    assert.equal((await browse({ path: join(dir, "b/none/such.txt") })).path, join(dir, "b"));
    assert.equal(await status(browse({ path: "/etc" })), 403);
    assert.equal(await status(browse({ path: dir, kind: "pipe" })), 400);
  });
});

Deno.test("pictures are taken into the studio's folders as new files, and nothing else is", async () => {
  await withStudio(async (dir, studio) => {
    const made = await ask(studioRoutes, studio, "POST", "/api/folders/new", {
      body: { parent: dir, name: "1_x" },
    });
    const { path: folder } = await made.json();
    assert.equal(folder, join(dir, "1_x"));
    const upload = (name: string, where = folder, body = new Uint8Array([1, 2])) =>
      ask(studioRoutes, studio, "PUT", `/api/uploads?${new URLSearchParams({ folder: where, name })}`, {
        body,
      });
    assert.equal((await upload("고양이 <b>.png")).status, 201);
    assert.deepEqual(Deno.readFileSync(join(folder, "고양이 <b>.png")), new Uint8Array([1, 2]));
    const cases: [string, string, number][] = [
      ["고양이 <b>.png", folder, 409],
      ["../x.png", folder, 400],
      ["..\\x.png", folder, 400],
      [".x.png", folder, 400],
      ["", folder, 400],
      [`${"x".repeat(300)}.png`, folder, 400],
      ["x\n.png", folder, 400],
      ["x.sh", folder, 415],
      ["x.html", folder, 415],
      ["x.png", "/tmp", 403],
    ];
    for (const [name, where, wanted] of cases) assert.equal(await status(upload(name, where)), wanted, name);
    Deno.symlinkSync("/tmp/nowhere.png", join(folder, "l.png"));
    assert.equal(await status(upload("l.png")), 403);
    touch(join(dir, "file"));
    for (const [name, wanted] of [["../y", 400], ["1_x", 200], ["file", 409]] as const) {
      const body = { parent: dir, name };
      assert.equal(
        await status(ask(studioRoutes, studio, "POST", "/api/folders/new", { body })),
        wanted,
        name,
      );
    }
    assert.deepEqual(
      [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
      ["l.png", "고양이 <b>.png"].sort(),
    );
  });
});

Deno.test("a file that is brought is written as it comes, and only whole; of two with one name one is taken", async () => {
  await withStudio(async (dir, { folders }) => {
    const path = join(dir, "a.png");
    const names = () => [...Deno.readDirSync(dir)].map(({ name }) => name);
    const pieces = async function* (end: () => void): AsyncIterable<Uint8Array> {
      yield new Uint8Array(70_000);
      const [name] = names();
      assert.match(name, /^a\.png\.easel-.*\.tmp$/);
      assert.equal(Deno.statSync(join(dir, name)).size, 70_000, "what came is on the disk");
      await Promise.resolve();
      end();
      yield new Uint8Array([7]);
    };
    const cutOff = () => {
      throw new TypeError("the connection was lost");
    };
    await assert.rejects(keepUpload(folders, dir, "a.png", pieces(cutOff)), /a\.png: cannot be written/);
    const tooMuch = () => {
      throw new Refused(413, "too long");
    };
    assert.equal(await status(keepUpload(folders, dir, "a.png", pieces(tooMuch))), 413);
    assert.deepEqual(names(), []);
    const first = keepUpload(folders, dir, "a.png", pieces(() => {}));
    assert.equal(await status(keepUpload(folders, dir, "a.png", pieces(() => {}))), 409);
    assert.equal(await first, path);
    assert.equal(Deno.statSync(path).size, 70_001);
    Deno.removeSync(path);
    assert.equal(await status(keepUpload(folders, dir, "a.png", pieces(() => touch(path)))), 409);
    assert.equal(Deno.statSync(path).size, 0, "what a job made meanwhile stays");
  });
});

Deno.test("a file is sent as what a browser may show, or only saves; a pipe is not waited for", async () => {
  await withStudio(async (dir) => {
    for (const name of ["a.png", "a.svg", "a.html", 'q"\r\nx: y.bin']) touch(join(dir, name));
    const head = async (name: string) => {
      const answer = await file(join(dir, name));
      await answer.body!.cancel();
      return [answer.headers.get("content-type"), answer.headers.get("content-disposition")];
    };
    assert.deepEqual(await head("a.png"), ["image/png", null]);
    const binary = "application/octet-stream";
    for (const name of ["a.svg", "a.html", 'q"\r\nx: y.bin']) {
      assert.deepEqual(await head(name), [binary, attachment(name)]);
    }
    new Deno.Command("mkfifo", { args: [join(dir, "pipe.png")] }).outputSync();
    for (const name of ["pipe.png", "none.png", "."]) assert.equal(await status(head(name)), 404, name);
  });
});
