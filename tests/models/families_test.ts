/** Families are values: nothing outside their own files compares names. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { FAMILIES } from "../../src/models/mod.ts";

const ROOT = join(import.meta.dirname!, "../..");

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

/** The flags --v1, --v2 and --sdxl, which families name in `flag`. */
const FLAG_ROWS = ["src/cli/commands/gen_img.ts"];

Deno.test("no file but a family's own holds its name", () => {
  const names = new RegExp(`"(${FAMILIES.map(({ name }) => name).join("|")})"`);
  const found = [...sources("src")].filter((path) =>
    !path.startsWith("src/models/families/") && names.test(Deno.readTextFileSync(join(ROOT, path)))
  );
  assert.deepEqual(found.map((path) => relative(".", path)), FLAG_ROWS);
});

Deno.test("families differ in name, label and flag, and each LoRA's text width tells one", () => {
  for (const field of ["name", "label", "flag"] as const) {
    assert.equal(new Set(FAMILIES.map((family) => family[field])).size, FAMILIES.length, field);
  }
  assert.equal(new Set(FAMILIES.map(({ sites }) => sites.contextWidth)).size, FAMILIES.length);
});
