import assert from "node:assert/strict";
import { parseToml, plainToml, readToml } from "../../src/formats/toml.ts";
import { readDamaged, refuses, withFile } from "./hostile.ts";

const TEXT = `\uFEFF# a dataset
[general]
shuffle_caption = true
rate = 2.0
repeats = 2
[[datasets]]
resolution = [512, 768]
  [[datasets.subsets]]
  image_dir = 'C:\\pictures'
  since = 2024-02-29
`;

Deno.test("integers and floats stay different", () => {
  const { general } = parseToml(TEXT, "a.toml") as { general: Record<string, unknown> };
  assert.equal(general.repeats, 2n);
  assert.equal(general.rate, 2);
});

Deno.test("the plain tree has numbers for both", () => {
  const plain = plainToml(parseToml(TEXT, "a.toml")) as Record<string, never[]>;
  assert.deepEqual({ ...plain.general }, { shuffle_caption: true, rate: 2, repeats: 2 });
  assert.deepEqual(plain.datasets[0]["resolution"], [512, 768]);
});

Deno.test("errors name file, line and column", () => {
  refuses(() => parseToml("[[datasets]\nresolution = 512\n", "my.toml"), /^my\.toml:1:\d+: [^\n]+$/);
  refuses(() => parseToml("a = 1\na = 2", "my.toml"), /^my\.toml:2:/);
  refuses(() => parseToml("a = " + "[".repeat(100_000), "my.toml"), /^my\.toml:1:/);
  refuses(() => readToml("/nowhere.toml"), /^\/nowhere\.toml: does not exist/);
  refuses(() => withFile(Uint8Array.of(0x61, 0xff), (path) => readToml(path)), /not UTF-8/);
});

Deno.test("damaged copies are read or refused", () => {
  readDamaged(new TextEncoder().encode(TEXT), 600, (path) => void readToml(path));
});
