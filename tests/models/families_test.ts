/** Families are values: nothing outside their own files compares names. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FAMILIES } from "../../src/models/mod.ts";

const ROOT = join(import.meta.dirname!, "../..");

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

Deno.test("no file but a family's own holds its name", () => {
  const names = new RegExp(`"(${FAMILIES.map(({ name }) => name).join("|")})"`);
  const found = [...sources("src")].filter((path) => !path.startsWith("src/models/families/")).flatMap((
    path,
  ) =>
    Deno.readTextFileSync(join(ROOT, path)).split("\n")
      .filter((line) => names.test(line) && !/^\s*exclusive\(/.test(line)) // flags that exclude each other
      .map((line) => `${path}: ${line.trim()}`)
  );
  assert.deepEqual(found, []);
});

Deno.test("families differ in name, label and flag, and each LoRA's text width tells one", () => {
  for (const field of ["name", "label", "flag"] as const) {
    assert.equal(new Set(FAMILIES.map((family) => family[field])).size, FAMILIES.length, field);
  }
  assert.equal(new Set(FAMILIES.map(({ sites }) => sites.contextWidth)).size, FAMILIES.length);
});

/** Lines that are about the size of latents or pictures. */
const SIZES = /latent|channel|height|width|side\b|pixel|picture|randn|graph\.input/i;

Deno.test("no job writes out the channels of latents or their pixels", () => {
  const found = ["src/training", "src/generation", "src/data/cache", "src/data/batches/batch.ts"]
    .flatMap((room) => room.endsWith(".ts") ? [room] : [...sources(room)])
    .flatMap((path) =>
      Deno.readTextFileSync(join(ROOT, path))
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$|"[^"\n]*"/gm, "") // what is said is no number
        .split("\n")
        .filter((line) => !/level < 4/.test(line))
        .filter((line) => /(?<![\w.])[48](?![\w.])|>> 3\b/.test(line) && SIZES.test(line))
        .map((line) => `${path}: ${line.trim()}`)
    );
  assert.deepEqual(found, []);
});
