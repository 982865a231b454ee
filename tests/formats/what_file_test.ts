/** What a file is said to be when it is not what its name says. */

import assert from "node:assert/strict";
import { isForeignPath, pathHint } from "../../src/base/files/path_hint.ts";
import { whatFile, whatFileIs } from "../../src/formats/what_file.ts";

const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

const FILES: readonly (readonly [string, RegExp])[] = [
  ["", /is empty/],
  ["<!DOCTYPE html>\n<html lang=en>", /web page \(HTML\).*sign-in.*download it again/],
  ["\n <html><head>", /web page/],
  ["<!-- saved -->\n<html>", /web page/],
  ["\xef\xbb\xbf<HTML>", /web page/],
  ['<?xml version="1.0"?><Error><Code>AccessDenied</Code>', /XML text that says "AccessDenied"/],
  [
    "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 2132625894\n",
    /LFS pointer.*2,132,625,894/,
  ],
  ["../../.git/annex/objects/aa/bb/SHA256E-s1--c.bin", /git-annex/],
  ['{"error":"Unauthorized"}', /JSON text \("\{\\"error/],
  ["Invalid username or password.", /plain text \("Invalid username or password\."\)/],
  ["Entry not found", /plain text/],
  ["GGUF\x03\0\0\0", /GGUF/],
  ["\x08\x08\x12\x07pytorch\x1a", /ONNX/],
  ["\x89HDF\r\n\x1a\n", /HDF5/],
  ["\x89PNG\r\n\x1a\n", /picture \(PNG\)/],
  ["\xff\xd8\xff\xe0", /picture \(JPEG\)/],
  ["RIFF\x10\0\0\0WEBPVP8 ", /picture \(WebP\)/],
  ["\0\0\0\x20ftypavif", /picture \(AVIF\)/],
  ["\0\0\0\x18ftypheic", /picture \(HEIC\)/],
  ["\0\0\0\x20ftypisom", /video/],
  ["PK\x03\x04\x14", /ZIP archive; unpack it/],
  ["7z\xbc\xaf\x27\x1c", /7z archive/],
  ["Rar!\x1a\x07", /RAR/],
  ["\x1f\x8b\x08", /packed archive/],
  ["\x7fELF", /program/],
  ["\x93NUMPY\x01", /NumPy/],
  ["\0".repeat(64), /zeros only/],
];

Deno.test("whatFile() knows downloads that went wrong and other formats", () => {
  for (const [bytes, wanted] of FILES) {
    const found = whatFile(latin1(bytes), bytes.length);
    assert.match(found ?? "nothing", wanted, bytes);
    assert.ok(!/[\n\0]/.test(found!), found!);
  }
  assert.equal(whatFile(Uint8Array.of(1, 2, 3, 4, 200), 5), null);
  assert.match(whatFileIs("/nowhere/model.safetensors.crdownload")!, /unfinished download/);
  assert.equal(whatFileIs("/nowhere/model.safetensors"), null);
});

Deno.test("pathHint() tells paths of Windows and escapes that were not meant", () => {
  assert.match(pathHint("C:\\Users\\me\\img"), /path of Windows.*\/mnt\/c\/Users\/me\/img/);
  assert.match(pathHint("d:/train"), /\/mnt\/d\/train/);
  assert.match(pathHint("\\\\nas\\img"), /network path/);
  assert.match(pathHint("train\\cat"), /separated by \//);
  assert.match(pathHint("D:\new\train"), /\\n between double quotes.*single quotes or forward slashes/);
  assert.equal(pathHint("/home/me/img"), "");
  assert.ok(isForeignPath("C:\\out") && isForeignPath("d:/out") && isForeignPath("\\\\nas\\out"));
  assert.ok(!isForeignPath("out/C:") && !isForeignPath("/C:/out") && !isForeignPath("out\\x"));
});
