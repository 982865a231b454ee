import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeImage } from "../../../src/images/load.ts";
import { alikeGroups } from "../../../src/studio/dataset/pictures/duplicates.ts";
import { LookStore } from "../../../src/studio/dataset/pictures/look_store.ts";
import { desk, picture } from "./fixture.ts";

Deno.test("thumbnails, masks, buckets and duplicates of a folder", async () => {
  await using at = desk();
  await picture(join(at.dir, "a.png"), 400, 200, 1);
  await picture(join(at.dir, "b.jpg"), 800, 400, 1);
  await picture(join(at.dir, "c.png"), 90, 120, 2, true);
  at.write("broken.png", "no picture");
  Deno.mkdirSync(join(at.dir, "masks"));
  await picture(join(at.dir, "masks", "a.png"), 400, 200, 3);
  const before = [...Deno.readDirSync(at.dir)].map(({ name }) => name).sort();

  const shown = async (path: string, fields: Record<string, unknown>) => {
    const response = await at.ask("GET", path, { folder: at.dir, extension: ".txt", ...fields });
    return await decodeImage(new Uint8Array(await response.arrayBuffer()));
  };
  const small = await shown("thumbnail", { name: "a.png" });
  assert.deepEqual([small.width, small.height], [200, 100]);
  const { data, width } = await shown("mask", { name: "c.png", shown: "alpha" });
  assert.ok(data[0] < 8 && data[(width - 1) * 3] > 247, "see-through is black, opaque is white");
  assert.equal((await shown("mask", { name: "a.png", masks: join(at.dir, "masks") })).width, 200);
  assert.equal((await shown("picture", { name: "c.png" })).height, 120);
  await assert.rejects(shown("thumbnail", { name: "broken.png" }), /broken\.png: is no PNG, JPEG/);
  await assert.rejects(
    shown("mask", { name: "c.png", masks: join(at.dir, "masks") }),
    /no picture of this name/,
  );

  const query = { extension: ".txt", resolution: "256", min_bucket_reso: 128, max_bucket_reso: 512 };
  const { rows, problems: unread, pictures } = await at.told("GET", "buckets", query);
  assert.equal(pictures, 3);
  assert.deepEqual(rows, [
    { size: [192, 320], pictures: 1, repeated: 10 },
    { size: [320, 192], pictures: 2, repeated: 20 },
  ]);
  assert.deepEqual([unread[0].name, unread[0].problem.slice(0, 10)], ["broken.png", "is no PNG,"]);
  const { names } = await at.told("GET", "names", { bucket: "320x192" });
  const { items } = await at.told("POST", "items", { names, extension: ".txt" });
  assert.deepEqual(items[0].placed.stays, [32 / 384, 0, 32 / 384 + 320 / 384, 1]);
  await assert.rejects(at.told("GET", "buckets", { ...query, resolution: "12,a" }), /resolution 12,a/);

  const { groups, problems } = await at.told("GET", "duplicates", { extension: ".txt", bits: 4 });
  assert.deepEqual([groups, problems.length], [[["a.png", "b.jpg"]], 1]);
  assert.deepEqual([...Deno.readDirSync(at.dir)].map(({ name }) => name).sort(), [".easel", ...before]);
});

Deno.test("a server that ends leaves nobody waiting for a picture", async () => {
  await using at = desk();
  await picture(join(at.dir, "a.png"), 64, 64);
  const pending = at.ask("GET", "thumbnail", { folder: at.dir, name: "a.png" });
  at.restart();
  await assert.rejects(pending, { status: 503 });
});

Deno.test("alikeGroups() finds all pairs of 10,000 hashes that differ in few bits", () => {
  let state = 1n;
  const random = () =>
    (state = state * 6364136223846793005n + 1442695040888963407n & (1n << 64n) - 1n) ^ state >> 33n;
  const hex = (bits: bigint) => bits.toString(16).padStart(16, "0");
  const pictures = Array.from(
    { length: 10_000 },
    (_, i) => ({ name: `${i}`, hash: hex(random()), colour: 0x808080 }),
  );
  const pairs = Array.from({ length: 200 }, (_, i) => {
    const flips = Array.from({ length: i % 8 }, (_, k) => 1n << BigInt((i * 13 + k * 9) % 64));
    const hash = flips.reduce((bits, flip) => bits ^ flip, BigInt(`0x${pictures[i].hash}`));
    pictures[5000 + i] = { name: `${5000 + i}`, hash: hex(hash), colour: 0x828282 };
    return [`${i}`, `${5000 + i}`];
  });
  const start = performance.now(), groups = alikeGroups(pictures, 7);
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
  assert.deepEqual(groups.sort((a, b) => Number(a[0]) - Number(b[0])), pairs);
  const plain = Array.from({ length: 10_000 }, (_, i) => ({
    name: `${i}`,
    hash: hex(0n),
    colour: i % 2 ? 0xff0000 : 0xff,
  }));
  assert.deepEqual(alikeGroups(plain, 7).map(({ length }) => length), [5000, 5000]);
});

Deno.test("the store of thumbnails keeps within its size and leaves other files alone", () => {
  const home = Deno.makeTempDirSync(), jpeg = new Uint8Array(1000);
  const looked = { width: 1, height: 2, alpha: false, hash: "0".repeat(16), colour: 3, jpeg };
  const stamp = { mtime: 1.5, bytes: 7 };
  {
    using store = new LookStore(home, 50_000);
    for (let i = 0; i < 100; i++) store.put(`${i}`, "colours", stamp, looked);
    assert.ok(store.size <= 50_000);
    assert.equal(store.find("0", "colours", stamp), null);
    assert.deepEqual(store.find("99", "colours", stamp), looked);
    assert.equal(
      store.find("99", "colours", { ...stamp, mtime: 2 }),
      null,
      "another time is another picture",
    );
  }
  {
    using store = new LookStore(home);
    assert.deepEqual(store.find("99", "colours", stamp), looked);
  }
  const file = join(home, "thumbnails", "thumbnails.sqlite");
  Deno.writeTextFileSync(file, "somebody else's");
  for (const end of ["-wal", "-shm"]) {
    try {
      Deno.removeSync(file + end);
    } catch { /* none */ }
  }
  {
    using store = new LookStore(home);
    store.put("a", "colours", stamp, { problem: "is empty" });
    assert.deepEqual(store.find("a", "colours", stamp), { problem: "is empty" });
  }
  assert.equal(Deno.readTextFileSync(file), "somebody else's");
  Deno.removeSync(home, { recursive: true });
});
