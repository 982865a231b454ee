/** Texts as editors of Windows and others leave them, and files that stand in a text's place. */

import assert from "node:assert/strict";
import { readJson } from "../../src/formats/json.ts";
import { decodeText, readText } from "../../src/formats/text_file.ts";
import { readToml } from "../../src/formats/toml.ts";
import { refuses, withFile } from "./hostile.ts";

const TEXT = "a = 'Mädchen 猫 🐈'\r\nb = 2\r\n";

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const out = new Uint8Array(2 * text.length), view = new DataView(out.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), littleEndian);
  return out;
}

const WRITTEN: Readonly<Record<string, (text: string) => Uint8Array>> = {
  "UTF-8": (text) => new TextEncoder().encode(text),
  "UTF-8 with a mark": (text) => new TextEncoder().encode(`\uFEFF${text}`),
  "UTF-16 LE": (text) => utf16(`\uFEFF${text}`, true),
  "UTF-16 BE": (text) => utf16(`\uFEFF${text}`, false),
  "UTF-16 LE without a mark": (text) => utf16(text, true),
  "UTF-16 BE without a mark": (text) => utf16(text, false),
};

for (const [how, write] of Object.entries(WRITTEN)) {
  Deno.test(`${how}: text, TOML and JSON are read`, () => {
    assert.equal(decodeText(write(TEXT)), TEXT);
    withFile(write(TEXT), (path) => assert.equal(readToml(path).b, 2n));
    withFile(write('{"a": ["猫"]}'), (path) => assert.deepEqual(readJson(path, ""), { a: ["猫"] }));
  });
}

Deno.test("an empty file is an empty text", () => {
  assert.equal(decodeText(new Uint8Array(0)), "");
  assert.equal(decodeText(Uint8Array.of(0xff, 0xfe)), "");
});

Deno.test("what is no text is named", () => {
  const read = (path: string) => readText(path, "give a text");
  refuses(() => withFile(Uint8Array.of(0x47, 0xe4, 0x6e), read), /is not UTF-8 text; save it as UTF-8/);
  refuses(() => withFile(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a), read), /is a picture \(PNG\)/);
  refuses(() => withFile("<!DOCTYPE html><title>Sign in</title>", read), /web page \(HTML\)/);
  refuses(
    () => withFile("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", read),
    /Git LFS/,
  );
  refuses(() => read("/nowhere/at/all.txt"), /does not exist; give a text/);
  for (const text of ["MZ8000 car", "GIF89a style", "<headshot> of a man", '{"a"}', "8BPS"]) {
    withFile(text, (path) => assert.equal(read(path), text));
  }
});

const WINDOWS = [
  String.raw`image_dir = "C:\Users\me\img"`,
  String.raw`image_dir = "C:\hoge"`,
  String.raw`image_dir = "C:\pictures\cat\"`,
  String.raw`x = 1 # comment
image_dir = "\\server\share\"
batch_size = 1`,
];

Deno.test("a Windows path between double quotes is answered with what to write", () => {
  for (const text of WINDOWS) {
    refuses(
      () => withFile(text, (path) => readToml(path)),
      /backslash.*double.*single quotes or forward slashes/,
    );
  }
  refuses(
    () => withFile(String.raw`{"image_dir": "C:\Users\me"}`, (path) => readJson(path, "")),
    /backslash/,
  );
  const long = `{"a": 1,\n"b": }${" ".repeat(200)}`;
  refuses(() => withFile(long, (path) => readJson(path, "")), /is not JSON \(.*Unexpected token/);
  refuses(() => withFile("", (path) => readJson(path, "")), /is not JSON \(it is empty\)/);
  refuses(() => withFile("a = [1, 2", (path) => readToml(path)), /correct the TOML/);
});
