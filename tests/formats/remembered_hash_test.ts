import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rememberedSha256 } from "../../src/formats/remembered_hash.ts";

const go = new AbortController().signal;

Deno.test("rememberedSha256() reads a large file once for each time that it changes", async () => {
  const dir = Deno.makeTempDirSync(), path = `${dir}/model.safetensors`, before = Deno.env.get("EASEL_CACHE");
  Deno.env.set("EASEL_CACHE", `${dir}/cache`);
  try {
    const bytes = new Uint8Array(65 << 20).fill(7), sha256 = createHash("sha256").update(bytes).digest("hex");
    Deno.writeFileSync(path, bytes);
    assert.equal(await rememberedSha256(path, AbortSignal.abort()), null);
    assert.equal(await rememberedSha256(path, go), sha256);
    const kept = Deno.readTextFileSync(`${dir}/cache/hashes.json`), other = "0".repeat(64);
    Deno.writeTextFileSync(`${dir}/cache/hashes.json`, kept.replace(sha256, other));
    assert.equal(await rememberedSha256(path, go), other, "was not read again");
    Deno.utimeSync(path, new Date(), new Date(2020, 0, 1));
    assert.equal(await rememberedSha256(path, go), sha256, "was changed");
    Deno.writeTextFileSync(`${dir}/cache/hashes.json`, '{"a": null, "b": [');
    assert.equal(await rememberedSha256(path, go), sha256, "a damaged cache is none");
  } finally {
    if (before === undefined) Deno.env.delete("EASEL_CACHE");
    else Deno.env.set("EASEL_CACHE", before);
    Deno.removeSync(dir, { recursive: true });
  }
});
