/** Models and LoRAs below the studio's folders, damaged and hostile ones among them. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { writeSafetensors } from "../../../src/formats/mod.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import type { About } from "../../../src/studio/files/shown.ts";
import type { Comparison } from "../../../src/studio/files/shown.ts";
import { rangeOf } from "../../../src/studio/files/download.ts";
import { attachment } from "../../../src/studio/server/answers.ts";
import type { Hashes } from "../../../src/studio/files/shown.ts";
import type { Listing } from "../../../src/studio/files/shown.ts";
import { routes } from "../../../src/studio/files/routes.ts";
import type { Studio } from "../../../src/studio/studio.ts";
import { writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { ask, refusedBy, withStudio } from "../hand_made.ts";

const get = (studio: Studio, path: string, headers?: Record<string, string>) =>
  ask(routes, studio, "GET", path, { headers });

const list = async (studio: Studio, folder = ""): Promise<Listing> =>
  (await get(studio, `/api/files${folder && `?folder=${encodeURIComponent(folder)}`}`)).json();

async function about(studio: Studio, ...paths: string[]): Promise<About[]> {
  const answer = await ask(routes, studio, "POST", "/api/files/about", { body: { paths } });
  return (await answer.json()).files;
}

const MARKUP = `<img src=x onerror=alert(1)>`, BIDI = "cat\u202Egpj.exe";

Deno.test("what lies below a folder is listed and each file told by its header; a damaged one says why in its row", async () => {
  await withStudio(async (dir, studio) => {
    Deno.mkdirSync(join(dir, "loras", "deep"), { recursive: true });
    for (const folder of [".hidden", "run-state"]) {
      Deno.mkdirSync(join(dir, folder));
      writeTinyLora(join(dir, folder, "no.safetensors"), "no", 2);
    }
    writeTinyModel(join(dir, "model.safetensors"));
    writeTinyLora(join(dir, "loras", "deep", `${MARKUP.replace("/", "")}${BIDI}.safetensors`), "a", 4, {
      "modelspec.title": MARKUP,
      ss_output_name: BIDI,
      ss_tag_frequency: "x".repeat(50_000),
    });
    Deno.writeTextFileSync(
      join(dir, "loras", "page.safetensors"),
      "<!doctype html><script>alert(1)</script>",
    );
    Deno.writeFileSync(join(dir, "loras", "empty.ckpt"), new Uint8Array());
    Deno.writeTextFileSync(join(dir, "loras", "notes.txt"), "no model");

    const { files, more } = await list(studio);
    assert.equal(more, false);
    assert.deepEqual(files.map(({ name }) => basename(name)).sort(), [
      `${MARKUP}${BIDI}.safetensors`,
      ...["empty.ckpt", "model.safetensors", "page.safetensors"],
    ]);
    assert.equal((await list(studio, join(dir, "loras", "deep"))).files.length, 1);
    const rows = await about(studio, ...files.map(({ path }) => path));
    const row = (name: string) => rows.find(({ path }) => path.includes(name))!;
    const model = row("model."), lora = row(BIDI);
    assert.deepEqual([model.kind, model.family, model.error], ["checkpoint", "SD1", undefined]);
    assert.deepEqual([lora.kind, lora.ranks, lora.alphas, lora.title], ["lora", [2, 4], [1], MARKUP]);
    assert.match(row("page.").error!, /page\.safetensors: is a web page \(HTML\)/);
    assert.match(row("empty.").error!, /empty/);

    const one = await (await get(studio, `/api/files/one?path=${encodeURIComponent(lora.path)}`)).json();
    const frequency = one.metadata.find(({ key }: { key: string }) => key === "ss_tag_frequency");
    assert.deepEqual([frequency.text.length, frequency.length], [20_000, 50_000], "cut, and said so");
    assert.equal(one.tensors, undefined);
    const whole = await (await get(studio, `/api/files/one?tensors&path=${encodeURIComponent(lora.path)}`))
      .json();
    assert.equal(whole.tensors.length, lora.tensors);

    writeTinyLora(lora.path, "a", 3);
    assert.deepEqual(
      (await about(studio, lora.path))[0].ranks,
      [2, 3],
      "another file under the same name is seen",
    );
  });
});

Deno.test("files outside the folders are told nothing of, by whatever name", async () => {
  await withStudio(async (dir, studio) => {
    const outside = Deno.makeTempDirSync();
    writeTinyLora(join(outside, "secret.safetensors"), "s", 2);
    Deno.symlinkSync(join(outside, "secret.safetensors"), join(dir, "link.safetensors"));
    try {
      assert.deepEqual((await list(studio)).files, []);
      for (
        const path of [join(outside, "secret.safetensors"), join(dir, "link.safetensors"), `${dir}/../x`]
      ) {
        const asked = encodeURIComponent(path);
        for (const route of ["one", "download", "preview"]) {
          assert.equal(await refusedBy(get(studio, `/api/files/${route}?path=${asked}`)), 403);
        }
        const body = { path, paths: [path] };
        for (const route of ["about", "hash"]) {
          assert.equal(await refusedBy(ask(routes, studio, "POST", `/api/files/${route}`, { body })), 403);
        }
      }
      assert.equal(await refusedBy(get(studio, `/api/files?folder=${encodeURIComponent(outside)}`)), 403);
      assert.equal(await refusedBy(get(studio, "/api/files/one")), 400);
      const body = { paths: Array(101).fill(dir) };
      assert.equal(await refusedBy(ask(routes, studio, "POST", "/api/files/about", { body })), 400);
    } finally {
      Deno.removeSync(outside, { recursive: true });
    }
  });
});

Deno.test("hashes are those that sites know a file by, kept until it changes", async () => {
  await withStudio(async (dir, studio) => {
    const path = join(dir, "a.safetensors");
    const hash = async (): Promise<Hashes> =>
      (await ask(routes, studio, "POST", "/api/files/hash", { body: { path } })).json();
    writeTinyLora(path, "a", 2);
    const bytes = Deno.readFileSync(path),
      begin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
    const first = await hash();
    assert.deepEqual([first.sha256, first.tensors], [sha256(bytes), sha256(bytes.subarray(begin))]);
    const one = await (await get(studio, `/api/files/one?path=${encodeURIComponent(path)}`)).json();
    assert.deepEqual(one.hashes, first, "kept in the studio's folder");
    assert.ok(Deno.readTextFileSync(join(studio.home, "hashes.json")).includes(first.sha256));
    writeTinyLora(path, "other", 2);
    assert.notEqual((await hash()).tensors, first.tensors);
    Deno.writeTextFileSync(join(studio.home, "hashes.json"), "{ damaged");
    assert.equal((await hash()).legacy, first.legacy);
  });
});

Deno.test("a picture in the metadata or beside the file is shown; what only says that it is one is not", async () => {
  await withStudio(async (dir, studio) => {
    const png = encodePng({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) }),
      base64 = btoa(String.fromCharCode(...png));
    const script = btoa("<svg onload=alert(1)>");
    const lora = (name: string, metadata: Record<string, string>) => {
      writeTinyLora(join(dir, name), name, 2, metadata);
      return get(studio, `/api/files/preview?path=${encodeURIComponent(join(dir, name))}`);
    };
    for (
      const metadata of [
        { "modelspec.thumbnail": `data:image/jpeg;base64,${base64}` },
        { ssmd_cover_images: JSON.stringify([base64]) },
      ] as Record<string, string>[]
    ) {
      const shown = await lora("in.safetensors", metadata);
      assert.equal(shown.headers.get("content-type"), "image/png", "told by its bytes");
      assert.deepEqual(new Uint8Array(await shown.arrayBuffer()), png);
    }
    Deno.writeFileSync(join(dir, "beside.preview.png"), png);
    assert.equal((await lora("beside.safetensors", {})).headers.get("content-type"), "image/png");
    for (
      const metadata of [
        { "modelspec.thumbnail": `data:image/svg+xml;base64,${script}` },
        { "modelspec.thumbnail": "data:image/png;base64,*" },
        { ssmd_cover_images: "{" },
      ] as Record<string, string>[]
    ) {
      assert.equal(await refusedBy(lora("none.safetensors", metadata)), 404, JSON.stringify(metadata));
    }
  });
});

Deno.test("two files are compared by what they are, what they say and which tensors they have", async () => {
  await withStudio(async (dir, studio) => {
    const [a, b] = ["a", "b"].map((name) => join(dir, `${name}.safetensors`));
    writeTinyLora(a, "a", 4, { ss_learning_rate: "1e-4", ss_epoch: "3" });
    writeTinyLora(b, "a", 8, { ss_learning_rate: "1e-4", ss_steps: "9" });
    const path = `/api/files/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`;
    const { facts, metadata, tensors }: Comparison = await (await get(studio, path)).json();
    assert.deepEqual(facts.find(({ key }) => key === "ranks"), {
      key: "ranks",
      a: "2, 4",
      b: "2, 8",
      same: false,
    });
    const said = new Map(metadata.map((row) => [row.key, [row.a, row.b, row.same]]));
    assert.deepEqual(said.get("ss_epoch"), ["3", null, false]);
    assert.deepEqual(said.get("ss_steps"), [null, "9", false]);
    assert.deepEqual(said.get("ss_learning_rate"), ["1e-4", "1e-4", true]);
    assert.deepEqual([tensors.onlyA.count, tensors.onlyB.count], [0, 0]);
    assert.ok(
      tensors.other.count > 0 &&
        tensors.other.first.every((text) => / \[4, .* \[8, |, 4\].*, 8\]/.test(text)),
    );
  });
});

Deno.test("downloads come whole or from where they were cut off, under a name that ends no header", async () => {
  await withStudio(async (dir, studio) => {
    const path = join(dir, `${BIDI}"\r\nx.safetensors`);
    Deno.writeTextFileSync(path, "0123456789");
    const url = `/api/files/download?path=${encodeURIComponent(path)}`;
    const whole = await get(studio, url), tag = whole.headers.get("etag")!;
    assert.equal(await whole.text(), "0123456789");
    assert.equal(whole.headers.get("content-length"), "10");
    const part = async (range: string, more = {}) => {
      const answer = await get(studio, url, { range, ...more });
      return [answer.status, answer.headers.get("content-range"), await answer.text()];
    };
    assert.deepEqual(await part("bytes=4-"), [206, "bytes 4-9/10", "456789"]);
    assert.deepEqual(await part("bytes=2-3", { "if-range": tag }), [206, "bytes 2-3/10", "23"]);
    assert.deepEqual(await part("bytes=2-3", { "if-range": '"other"' }), [200, null, "0123456789"]);
    assert.deepEqual(await part("bytes=10-"), [416, "bytes */10", ""]);
    assert.equal(await refusedBy(get(studio, `/api/files/download?path=${encodeURIComponent(dir)}`)), 404);
    Deno.writeTextFileSync(path, "");
    assert.equal(await (await get(studio, url)).text(), "");
  });
  assert.deepEqual(
    ["bytes=-3", "bytes=0-99", "bytes=-0", "bytes=3-1", "bytes=0-1,4-5", "lines=1-2", "bytes=-"].map((text) =>
      rangeOf(text, 10)
    ),
    [{ begin: 7, end: 9 }, { begin: 0, end: 9 }, "none", null, null, null, null],
  );
  assert.equal(
    attachment('a"b\r\nc/d%é\ud800(1).ckpt'),
    `attachment; filename="a_b__c_d___(1).ckpt"; filename*=UTF-8''a%22b__c_d%25%C3%A9%EF%BF%BD%281%29.ckpt`,
  );
});

Deno.test("a thousand LoRAs are listed and looked into within seconds", async () => {
  await withStudio(async (dir, studio) => {
    const tensors = Array.from({ length: 264 }, (_, i) => [
      {
        name: `lora_unet_${i}_attn2_to_k.lora_down.weight`,
        dtype: "F16",
        shape: [4, 8],
        data: new Uint8Array(64),
      },
      { name: `lora_unet_${i}_attn2_to_k.alpha`, dtype: "F16", shape: [], data: new Uint8Array(2) },
    ]).flat();
    const first = join(dir, "0.safetensors");
    writeSafetensors(first, tensors, {});
    for (let i = 1; i < 1000; i++) Deno.linkSync(first, join(dir, `${i}.safetensors`));
    const began = performance.now(), { files } = await list(studio), listed = performance.now() - began;
    assert.equal(files.length, 1000);
    assert.ok(listed < 1000, `${listed} ms for the list`);
    await about(studio, ...files.slice(0, 100).map(({ path }) => path));
    const each = (performance.now() - began - listed) / 100;
    assert.ok(each < 50, `${each} ms for each file`);
  });
});
