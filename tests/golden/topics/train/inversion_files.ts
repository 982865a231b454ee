/** Files of textual inversion: names, dtypes and shapes of what is written, and what is read of files that lack something. */
import { join } from "node:path";
import { openCheckpoint, openSafetensors } from "../../../../src/formats/mod.ts";
import {
  embeddingNames,
  type Family,
  familyNamed,
  readTokenVectors,
  tokenTable,
  writeEmbeddings,
} from "../../../../src/models/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact } from "../../compare.ts";
import { synthTensor } from "../../synth.ts";

const DTYPES: Readonly<Record<string, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };
const WIDTHS = [64, 128], COUNT = 2;

export function inversionFiles({ json }: GoldenCase): Promise<Check[]> {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" });
  try {
    return Promise.resolve([...written(json, folder), ...read(json, folder)]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const shapesOf = (family: Family) =>
  new Map(family.textEncoders.map((part, i) => [tokenTable(part), [49408, WIDTHS[i]]]));

const vectors = (name: string, i: number) => ({
  name,
  count: COUNT,
  width: WIDTHS[i],
  values: synthTensor(`ti.${"lg"[i]}`, [COUNT, WIDTHS[i]]),
});

// deno-lint-ignore no-explicit-any -- the case as it is
function* written(json: any, folder: string): Iterable<Check> {
  for (
    const [what, wanted] of Object.entries(
      json.written as Record<string, { keys: unknown[]; metadata?: unknown }>,
    )
  ) {
    const [name, extension, , precision] = what.split(" "), family = familyNamed(name)!;
    const path = join(folder, what.replaceAll(" ", "") + extension);
    const tensors = embeddingNames(family).map(vectors);
    writeEmbeddings(path, tensors, precision === "none" ? null : precision as "fp16", { a: "b" });
    using file = openCheckpoint(path);
    const keys = file.keys().map((key) => [key, DTYPES[file.info(key).dtype], file.info(key).shape]);
    // the order of tensors in a file is its own affair
    const sorted = (rows: unknown[]) => rows.toSorted((a, b) => String(a) < String(b) ? -1 : 1);
    yield exact(what, sorted(keys), sorted(wanted.keys));
    if (wanted.metadata) {
      using again = openSafetensors(path);
      yield exact(`metadata, ${what}`, again.metadata, wanted.metadata);
    }
    const back = readTokenVectors(path, family, shapesOf(family));
    const limit = { none: 0, fp16: 1e-3, bf16: 5e-3 }[precision]!;
    for (const [i, each] of back.entries()) {
      yield close(`back from ${what}`, each!.values, tensors[i].values, limit);
    }
  }
}

// deno-lint-ignore no-explicit-any -- the case as it is
function* read(json: any, folder: string): Iterable<Check> {
  const wanted = json["read (shapes of the result)"], path = join(folder, "x.safetensors");
  const shapes = (name: string, tensors: ReturnType<typeof vectors>[]) => {
    writeEmbeddings(path, tensors, null, null);
    const family = familyNamed(name)!;
    try {
      return readTokenVectors(path, family, shapesOf(family)).map((each) => each && [each.count, each.width]);
    } catch {
      return { error: "AssertionError" };
    }
  };
  for (const what of ["only clip_g", "only clip_l"]) {
    const name = what.slice("only ".length);
    yield exact(what, shapes("sdxl", [vectors(name, name === "clip_l" ? 0 : 1)]), wanted[what]);
  }
  yield exact("neither", shapes("sdxl", [vectors("other", 0)]), wanted.neither);
  const one = { ...vectors("any", 0), count: 1 };
  const any = shapes("sd1", [{ ...one, values: one.values.slice(0, one.width) }]);
  yield exact("any key", any, wanted["any key, rank 1 tensor"]);
}
