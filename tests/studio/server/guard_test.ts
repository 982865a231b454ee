/** Who is let in, and to what. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openFolders } from "../../../src/studio/server/folders.ts";
import { keptFolders } from "../../../src/studio/server/kept_folders.ts";
import { isSame } from "../../../src/studio/server/guard.ts";
import { Refused } from "../../../src/studio/studio.ts";
import { textOf } from "../../sources.ts";
import { type Asking, serving, TOKEN } from "./served.ts";

Deno.test("the link lets a browser in by a cookie that no script and no other site can use", async () => {
  await serving(async ({ ask, link }) => {
    const { pathname, search } = new URL(link);
    const admitted = await ask(pathname + search, { stranger: true });
    assert.equal(admitted.status, 200);
    assert.match(
      String(admitted.headers["set-cookie"]),
      /^easel_studio_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    assert(!String(admitted.headers["set-cookie"]).includes(encodeURIComponent(TOKEN)));
    assert.match(admitted.text, /url=\/"/, "on to the page, without the token in its address");
    assert.equal((await ask("/")).text, "index.html");
    assert.equal((await ask("/app.js")).headers["content-type"], "text/javascript; charset=utf-8");
  });
});

Deno.test("whoever has no cookie, another name or another page is refused, and told nothing else", async () => {
  await serving(async ({ ask, port }) => {
    const ours = `http://127.0.0.1:${port}`;
    const cases: [string, string, Asking, number][] = [
      ["no cookie", "/", { stranger: true }, 401],
      ["no cookie for data", "/api/studio", { stranger: true }, 401],
      ["no cookie for events", "/api/events", { stranger: true }, 401],
      [
        "another cookie",
        "/api/studio",
        { headers: { cookie: `easel_studio_${port}=${"A".repeat(43)}` } },
        401,
      ],
      ["wrong token", "/?token=" + "x".repeat(TOKEN.length), { stranger: true }, 403],
      ["empty token", "/?token=", { stranger: true }, 403],
      ["another name (DNS rebinding)", "/api/studio", { headers: { host: `evil.example:${port}` } }, 403],
      ["another port", "/api/studio", { headers: { host: "127.0.0.1:1" } }, 403],
      ["a name that begins like ours", "/", { headers: { host: `127.0.0.1.evil.example:${port}` } }, 403],
      ["another origin", "/api/folders", {
        method: "POST",
        headers: { origin: "http://evil.example" },
        body: "{}",
      }, 403],
      ["another port's origin", "/api/folders", {
        method: "POST",
        headers: { origin: "http://127.0.0.1:1" },
        body: "{}",
      }, 403],
      ["a sandboxed page", "/api/folders", { method: "POST", headers: { origin: "null" }, body: "{}" }, 403],
      ["no origin", "/api/folders", { method: "POST", body: "{}" }, 403],
      ["another site's picture", "/api/studio", { headers: { "sec-fetch-site": "cross-site" } }, 403],
      ["another port's script", "/app.js", { headers: { "sec-fetch-site": "same-site" } }, 403],
      ["another method", "/api/studio", { method: "POST", headers: { origin: ours }, body: "{}" }, 405],
      ["another name, with the token", `/?token=${encodeURIComponent(TOKEN)}`, {
        stranger: true,
        headers: { host: `evil.example:${port}` },
      }, 403],
      ...["127.0.0.1", `127.0.0.1.:${port}`, `u@127.0.0.1:${port}`, `::1:${port}`, "a b", "[::1"].map(
        (host): [string, string, Asking, number] => [`host ${host}`, "/", { headers: { host } }, 403],
      ),
      ["no such method", "/api/studio", { method: "PROPFIND", headers: { origin: ours } }, 405],
      ["no such path", "/api/none", {}, 404],
      ["out of the page's folder", "/../../etc/passwd", {}, 404],
      ["encoded out of it", "/%2e%2e/%2e%2e/etc/passwd", {}, 404],
      ["no text", "/%ff", {}, 404],
    ];
    for (const [what, path, asking, status] of cases) {
      const reply = await ask(path, asking);
      assert.equal(reply.status, status, `${what}: ${reply.text}`);
      assert(!reply.text.includes("root:") && !reply.text.includes("index.html"), what);
      if (path.startsWith("/api/")) assert.equal(typeof JSON.parse(reply.text).error, "string", what);
    }
    for (const host of [`localhost:${port}`, `[::1]:${port}`]) {
      assert.equal((await ask("/api/studio", { headers: { host } })).status, 200, host);
    }
  });
});

Deno.test("with --listen the address may be any number, and a name only the one given", async () => {
  await serving(async ({ ask, port }) => {
    const status = async (name: string) =>
      (await ask("/api/studio", { headers: { host: `${name}:${port}` } })).status;
    assert.deepEqual(
      await Promise.all(["192.168.1.9", "[fe80::1]", "localhost", "evil.example"].map(status)),
      [
        ...[200, 200, 200, 403],
      ],
    );
  }, { listen: "0.0.0.0" });
});

Deno.test("the queue's own files, in which keys stand, are nobody's to download", async () => {
  await serving(async ({ ask, folder }) => {
    await Deno.mkdir(join(folder, ".easel/jobs/x"), { recursive: true });
    await Deno.writeTextFile(join(folder, ".easel/jobs/x/job.json"), "{}");
    await Deno.symlink(join(folder, ".easel/jobs"), join(folder, "link"));
    for (const path of [".easel/jobs/x/job.json", "link/x/job.json", "link"]) {
      const { status, text } = await ask(`/api/files/download?path=${path}`);
      assert.deepEqual([status, /the studio's own/.test(text)], [403, true], path);
    }
  });
});

Deno.test("what is only asked about stays open for nobody", async () => {
  await serving(async ({ ask, folder }) => {
    await Deno.writeTextFile(join(folder, "a.png"), "x".repeat(100_000));
    const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
    for (const path of ["/api/files/download?path=a.png", "/api/events?topic=queue"]) {
      await ask(path, { method: "HEAD" });
      const before = open();
      for (let i = 0; i < 50; i++) {
        assert.deepEqual(await ask(path, { method: "HEAD" }).then(({ status, text }) => [status, text]), [
          200,
          "",
        ]);
      }
      assert.ok(open() < before + 10, path);
    }
  });
});

Deno.test("every answer forbids framing, guessing of types and anything from elsewhere", async () => {
  await serving(async ({ ask }) => {
    for (const path of ["/", "/app.js", "/api/studio", "/api/none", "/?token=wrong"]) {
      const { headers } = await ask(path);
      const policy = String(headers["content-security-policy"]);
      for (
        const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
      ) {
        assert(policy.split("; ").includes(part), `${path}: ${part}`);
      }
      assert(!/unsafe|https?:|\*/.test(policy), policy);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["x-frame-options"], "DENY");
      assert.equal(headers["referrer-policy"], "no-referrer");
      assert.equal(headers["cross-origin-opener-policy"], "same-origin");
      assert.equal(headers["cross-origin-resource-policy"], "same-origin");
      assert.equal(headers["access-control-allow-origin"], undefined);
    }
  });
});

Deno.test("bodies are limited, told so or not, and have to be JSON where that is wanted", async () => {
  await serving(async ({ ask, port, folder }) => {
    const origin = `http://127.0.0.1:${port}`;
    const post = (body: string | Uint8Array, headers = {}) =>
      ask("/api/folders", { method: "POST", headers: { origin, ...headers }, body });
    assert.equal((await post(new Uint8Array((4 << 20) + 1))).status, 413);
    assert.equal((await post(new Uint8Array((4 << 20) + 1), { "transfer-encoding": "chunked" })).status, 413);
    assert.deepEqual([(await post("{")).status, (await post("null")).status, (await post("[]")).status], [
      400,
      400,
      400,
    ]);
    assert.equal((await post(JSON.stringify({ path: folder }))).status, 200);
  });
});

Deno.test("a folder shows what lies in it, and what its links lead to only where that lies in one too", async () => {
  const base = await Deno.realPath(await Deno.makeTempDir({ prefix: "easel studio " }));
  const at = (name: string) => join(base, name);
  for (const name of ["own", "own/deep", "other", "ownelse"]) await Deno.mkdir(at(name));
  await Deno.writeTextFile(at("other/secret"), "");
  await Deno.symlink(at("other"), at("own/out"));
  await Deno.symlink(at("own/deep"), at("own/in"));
  await Deno.symlink(at("nothing"), at("own/dangling"));
  const folders = openFolders([at("own")]);
  const refused = (path: string, status = 403) =>
    assert.throws(
      () => folders.inside(path),
      (error) => error instanceof Refused && error.status === status,
      path,
    );
  try {
    assert.equal(folders.inside("deep/new/file.txt"), at("own/deep/new/file.txt"));
    assert.equal(folders.inside(at("own/in/x")), at("own/deep/x"));
    assert.equal(folders.inside(""), at("own"));
    for (
      const path of [
        "..",
        "../other/secret",
        "deep/../../other/secret",
        "out",
        "out/secret",
        "out/new",
        "dangling",
        "dangling/x",
        "/",
        "/etc/passwd",
        at("ownelse"),
        at("own/../ownelse"),
      ]
    ) {
      refused(path);
    }
    refused("a\0b", 400);
    for (const path of ["deep", at("other/secret"), at("nothing"), "/a\0b"]) {
      assert.throws(
        () => folders.confirm(path),
        (error) => error instanceof Refused && error.status === 400,
        path,
      );
    }
    folders.confirm(at("other"));
    assert.equal(folders.inside(at("own/out/secret")), at("other/secret"));
    assert.deepEqual(folders.roots, [at("own"), at("other")]);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("a folder added on the page is there at the next start, until it is taken off; a copied list is none", async () => {
  const base = Deno.realPathSync(await Deno.makeTempDir()), at = (name: string) => `${base}/${name}`;
  try {
    for (const name of ["own", "other", "third", "copy"]) Deno.mkdirSync(at(name));
    const open = (name: string) => openFolders([at(name)], keptFolders(`${at(name)}/.easel`));
    const folders = open("own");
    folders.confirm(at("other"));
    folders.confirm(at("third"));
    assert.deepEqual(open("own").roots, [at("own"), at("other"), at("third")]);
    Deno.removeSync(at("third"));
    const again = open("own");
    assert.deepEqual(again.confirmed, [at("other")]);
    Deno.mkdirSync(at("copy/.easel"));
    Deno.copyFileSync(at("own/.easel/settings.json"), at("copy/.easel/settings.json"));
    assert.deepEqual(open("copy").roots, [at("copy")]);
    assert.throws(() => again.forget(at("own")), Refused);
    again.forget(at("other"));
    assert.deepEqual(open("own").roots, [at("own")]);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
});

Deno.test("secrets are compared in constant time", () => {
  assert(isSame("abc", "abc") && !isSame("abc", "abd") && !isSame("abc", "ab") && !isSame("", "a"));
  const guard = textOf("src/studio/server/guard.ts");
  assert.match(guard, /timingSafeEqual/);
  // by isSame() and nothing else
  assert.deepEqual(
    guard.match(/[!=]==? *(?:token|session|given)\b(?! \?\?)|\b(?:token|session) *[!=]==?/g),
    null,
  );
});

Deno.test("an error is one line that says all of it, however a path is called and however long what was given is", async () => {
  await serving(async ({ ask }) => {
    const said = async (path: string) => {
      const { text } = await ask(`/api/browse?path=${encodeURIComponent(path)}`);
      return (JSON.parse(text) as { error: string }).error;
    };
    assert.match(await said("/else\nwhere"), /^\/else where: lies in none of the studio's folders/);
    const long = await said(`/${"x".repeat(100)}`.repeat(30));
    assert(long.length < 1300 && /^\/x+.* … .*x: lies in none/.test(long), long);
  });
});
