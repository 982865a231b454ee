import assert from "node:assert/strict";
import { zipSync } from "fflate";
import { f32Array, i64Array, integers, listNpz, readNpz, writeNpz } from "../../src/formats/npz.ts";
import { toF32 } from "../../src/formats/tensor_file.ts";
import { readDamaged, refuses, withFile } from "./hostile.ts";

const LATENTS = f32Array(Float32Array.from({ length: 24 }, (_, i) => i / 8), [2, 3, 4]);

/** A .npy file of float32 values under a header given as text. */
function npy(header: string, values: number[]): Uint8Array {
  const text = new TextEncoder().encode(header + "\n");
  return Uint8Array.from([
    ...[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8],
    ...text,
    ...new Uint8Array(Float32Array.from(values).buffer),
  ]);
}

const readOne = (header: string, values: number[]) =>
  withFile(zipSync({ "a.npy": npy(header, values) }), (path) => readNpz(path).get("a")!);

Deno.test("arrays written are read back, all or only those named", () => {
  withFile("", (path) => {
    writeNpz(path, { latents: LATENTS, original_size: i64Array([512, 384]) });
    const arrays = readNpz(path);
    assert.deepEqual([...arrays.keys()], ["latents", "original_size"]);
    assert.deepEqual(arrays.get("latents"), LATENTS);
    assert.deepEqual(integers(arrays.get("original_size")!), [512, 384]);
    assert.deepEqual([...readNpz(path, ["original_size"]).keys()], ["original_size"]);
    assert.deepEqual(listNpz(path), ["latents", "original_size"]);
    const first = Deno.readFileSync(path);
    writeNpz(path, { latents: LATENTS, original_size: i64Array([512, 384]) });
    assert.deepEqual(Deno.readFileSync(path), first); // no clock in it
  });
});

Deno.test("compressed and column-major arrays are read as they are meant", () => {
  const header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
  const array = readOne(header, [0, 3, 1, 4, 2, 5]);
  assert.deepEqual(array.shape, [2, 3]);
  assert.deepEqual([...toF32("F32", array.data)], [0, 1, 2, 3, 4, 5]);
});

Deno.test("arrays of objects, wrong sizes and what is no array are refused", () => {
  const header = (descr: string, shape: string) =>
    `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  refuses(() => readOne(header("|O", "(2,)"), [1, 2]), /"a" has elements of the kind \|O/);
  refuses(() => readOne(header("<f4", "(3,)"), [1, 2]), /"a" has 8 bytes, which is not F32 \[3\]/);
  refuses(() => readOne(header("<f4", "(9999999999999, 9999999999999)"), [1, 2]), /which is not F32/);
  refuses(() => readOne("import os", [1, 2]), /a header that NumPy would not write/);
  refuses(() => withFile(zipSync({ "a.npy": new Uint8Array(4) }), (path) => readNpz(path)), /no \.npy array/);
  refuses(() => withFile("not a zip", (path) => readNpz(path)), /no directory at its end/);
  refuses(() => readNpz("/nowhere.npz"), /does not exist/);
});

Deno.test("damaged copies are read or refused, stored and compressed", () => {
  const stored = withFile("", (path) => {
    writeNpz(path, { latents: LATENTS, original_size: i64Array([512, 384]) });
    return Deno.readFileSync(path);
  });
  readDamaged(stored, 600, (path) => void readNpz(path));
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }";
  readDamaged(zipSync({ "a.npy": npy(header, [1, 1, 1, 1, 1, 1]) }), 600, (path) => void readNpz(path));
});
