/** What is said of files that stand in a model's place. */

import { zipSync } from "fflate";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import { encodeHeader } from "../../src/formats/safetensors.ts";
import { refuses, withFile } from "./hostile.ts";

const header = encodeHeader([{ name: "w", dtype: "F32", shape: [4, 256] }]);
const whole = new Uint8Array([...header, ...new Uint8Array(4096)]);
const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

const FILES: readonly (readonly [what: string, bytes: Uint8Array | string, said: RegExp, suffix?: string])[] =
  [
    ["a web page", "<!DOCTYPE html><html><head><title>Sign in</title>", /is a web page \(HTML\)/],
    [
      "an LFS pointer",
      "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
      /Git LFS pointer/,
    ],
    ["a server's JSON", '{"error": "Invalid credentials in Authorization header"}', /is JSON text/],
    ["a server's text", "Not Found", /is plain text \("Not Found"\)/],
    ["nothing", "", /is empty; download it again/],
    ["a reserved place", new Uint8Array(5000), /zeros only/],
    ["GGUF", latin1("GGUF\x03\0\0\0\x10\0\0\0\0\0\0\0"), /GGUF/],
    ["ONNX", latin1("\x08\x08\x12\x07pytorch\x1a\x052.1.0"), /ONNX/],
    ["a picture", latin1("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), /picture \(PNG\)/],
    ["another archive", zipSync({ "model.safetensors": whole }), /is a ZIP archive and no file of PyTorch/],
    ["half a file", whole.subarray(0, 2000), /has 2000 bytes of \d+, \d+ are missing; it is cut off/],
    ["half a header", whole.subarray(0, 20), /is cut off/],
    ["a browser's part", whole.subarray(0, 2000), /unfinished download/, ".safetensors.crdownload"],
    ["aria2's notes", Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16), /unfinished download/, ".aria2"],
    ["noise", Uint8Array.from({ length: 64 }, (_, i) => 255 - i), /is neither safetensors nor a checkpoint/],
  ];

Deno.test("openCheckpoint() says in one line what a file is that is no model", () => {
  for (const [, bytes, said, suffix] of FILES) refuses(() => withFile(bytes, openCheckpoint, suffix), said);
});
