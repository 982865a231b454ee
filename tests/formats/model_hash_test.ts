import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileSha256, legacyHash, networkHashes } from "../../src/formats/model_hash.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/formats/safetensors.ts";
import { refuses, withFile } from "./hostile.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

const TENSORS: TensorToWrite[] = [
  { name: "small", dtype: "F16", shape: [3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
  {
    name: "large",
    dtype: "F32",
    shape: [300_000],
    // bytes that make finite numbers: what is not finite is not written
    data: () => new Uint8Array(1_200_000).map((_, i) => (i * 2654435761 >>> 24) & 0x3f),
  },
];

Deno.test("hashes of tensors are those of the file with only ss_ metadata", () => {
  const hashes = networkHashes(TENSORS, { ss_network_dim: "4", "modelspec.title": "left out" });
  withFile("", (path) => {
    writeSafetensors(path, TENSORS, { ss_network_dim: "4" });
    const bytes = Deno.readFileSync(path);
    assert.equal(hashes.modelHash, sha256(bytes.subarray(bytes.length - 1_200_006)));
    assert.equal(hashes.legacyHash, sha256(bytes.subarray(0x100000, 0x110000)).slice(0, 8));
    assert.equal(hashes.legacyHash, legacyHash(path));
    assert.equal(fileSha256(path), sha256(bytes));
  });
});

Deno.test("files below 1 MiB have the old hash of nothing", () => {
  withFile("abc", (path) => {
    assert.equal(legacyHash(path), "e3b0c442");
    assert.equal(fileSha256(path), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
  assert.equal(networkHashes(TENSORS.slice(0, 1), {}).legacyHash, "e3b0c442");
});

Deno.test("a missing file has no hash", () => refuses(() => fileSha256("/nowhere.ckpt"), /does not exist/));
