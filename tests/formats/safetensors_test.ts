import assert from "node:assert/strict";
import {
  encodeHeader,
  openSafetensors,
  type TensorToWrite,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";
import { toF32 } from "../../src/formats/tensor_file.ts";
import { readDamaged, refuses, withFile } from "./hostile.ts";

const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const TENSORS: TensorToWrite[] = [
  { name: "half", dtype: "F16", shape: [2], data: bytesOf(Uint16Array.of(0x3c00, 0xc000)) },
  { name: "b", dtype: "F32", shape: [2, 1], data: () => bytesOf(Float32Array.of(0.5, -3)) },
  { name: "a", dtype: "F32", shape: [], data: bytesOf(Float32Array.of(7)) },
  { name: "step", dtype: "I64", shape: [1], data: bytesOf(BigInt64Array.of(-9n)) },
  { name: "none", dtype: "BF16", shape: [0, 3], data: new Uint8Array() },
  { name: "é", dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) },
];

/** A file of a header given as text and so many bytes of data. */
function file(header: string, data = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.length + data);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

const open = (bytes: Uint8Array) =>
  withFile(bytes, (path) => {
    using f = openSafetensors(path);
    for (const key of f.keys()) f.bytes(key);
    return f.keys();
  });

const one = (entry: string, data = 8) => () => open(file(`{"w":${entry}}`, data));

Deno.test("what is written is read back, in the library's order, with an aligned header", () => {
  withFile("", (path) => {
    writeSafetensors(path, TENSORS, { format: "pt", 'quo"te': "ü\n" });
    using f = openSafetensors(path);
    assert.deepEqual(f.keys(), ["step", "a", "b", "none", "half", "é"]);
    assert.deepEqual({ ...f.metadata }, { format: "pt", 'quo"te': "ü\n" });
    assert.equal(f.dataStart % 8, 0);
    assert.deepEqual([...f.f32("b")], [0.5, -3]);
    assert.deepEqual([...f.f32("half")], [1, -2]);
    assert.deepEqual([...f.f32("step")], [-9]);
    assert.deepEqual([...f.f32("é")], [1, 0, 1]);
    assert.deepEqual(f.info("none"), {
      dtype: "BF16",
      shape: [0, 3],
      offset: f.info("half").offset,
      bytes: 0,
    });
    refuses(() => f.info("c"), /has no tensor c/);
  });
});

Deno.test("the header is the text that the library writes", () => {
  const text = new TextDecoder().decode(encodeHeader([TENSORS[1]], { k: "v" }).subarray(8));
  const entry = '{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}';
  assert.equal(text.trimEnd(), `{"__metadata__":{"k":"v"},"b":${entry}}`);
  assert.equal(text.length % 8, 0);
});

Deno.test("8-bit floats are read by their definition", () => {
  withFile("", (path) => {
    const tensor = (dtype: string, ...bytes: number[]) => ({
      name: dtype,
      dtype,
      shape: [bytes.length],
      data: Uint8Array.from(bytes),
      copied: true,
    });
    writeSafetensors(path, [
      tensor("F8_E4M3", 0x38, 0xbc, 0x7e, 1, 0x7f),
      tensor("F8_E5M2", 0x3c, 0xc2, 0x7c, 1),
    ]);
    using f = openSafetensors(path);
    const read = (dtype: string) => [...toF32(dtype, f.bytes(dtype))];
    assert.deepEqual(read("F8_E4M3"), [1, -1.5, 448, 2 ** -9, NaN]);
    assert.deepEqual(read("F8_E5M2"), [1, -3, Infinity, 2 ** -16]);
  });
});

Deno.test("a failing write leaves the old file", () => {
  withFile("old", (path) => {
    const broken = { ...TENSORS[1], data: () => new Uint8Array(3) };
    assert.throws(() => writeSafetensors(path, [broken]), /b has 3 bytes/);
    assert.throws(() => writeSafetensors(path, [TENSORS[1], TENSORS[1]]), /two tensors are called b/);
    assert.equal(Deno.readTextFileSync(path), "old");
  });
  refuses(() => writeSafetensors("/nowhere/at/all.safetensors", TENSORS), /cannot be written/);
});

Deno.test("headers that lie are refused, naming the lie", () => {
  const ok = '"dtype":"F32","shape":[2]';
  refuses(() => open(new Uint8Array(5)), /has 5 bytes/);
  refuses(() => open(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 255, 0)), /is neither safetensors nor a checkpoint/);
  refuses(() => open(Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 0x7b)), /header has 200 bytes, the file has 9/);
  refuses(() => open(file("{")), /no JSON/);
  refuses(() => open(file("[]")), /no JSON object/);
  refuses(() => open(file("\xff\xfe")), /no JSON/);
  refuses(() => open(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff)), /no UTF-8/);
  refuses(
    () => open(file(`{"w":{${ok},"data_offsets":[0,8]},"\\u0077":{${ok},"data_offsets":[0,8]}}`, 8)),
    /"w" twice/,
  );
  refuses(one(`{${ok},"shape":[2],"data_offsets":[0,8]}`), /"shape" twice/);
  refuses(() => open(file('{"__metadata__":{"k":1}}')), /has 1 under "k"/);
  refuses(one("7"), /tensor "w" is 7/);
  refuses(one(`{${ok},"data_offsets":[0,8]}`, 7), /are missing; it is cut off/);
  refuses(one(`{${ok},"data_offsets":[0,8]}`, 9), /1 bytes at its end belong to no tensor/);
  refuses(one(`{${ok},"data_offsets":[4,12]}`, 12), /4 bytes before tensor "w" belong to no tensor/);
  refuses(one(`{${ok},"data_offsets":[0,4]}`, 4), /has 4 bytes, its F32 \[2\] takes 8/);
  refuses(one(`{${ok},"data_offsets":[8,0]}`), /data_offsets \[8,0\]/);
  refuses(one(`{${ok},"data_offsets":[-8,0]}`), /data_offsets/);
  refuses(one(`{${ok},"data_offsets":[0,1e300]}`), /data_offsets/);
  refuses(one(`{${ok}}`), /data_offsets missing/);
  refuses(one('{"dtype":"F33","shape":[2],"data_offsets":[0,8]}'), /unknown dtype "F33"/);
  refuses(one('{"dtype":"toString","shape":[2],"data_offsets":[0,8]}'), /unknown dtype/);
  refuses(one('{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}'), /shape \[-2\]/);
  refuses(one('{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}'), /shape \[1.5\]/);
  refuses(one('{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}'), /shape/);
  const two = (a: string, b: string) => `{"w":{${ok},"data_offsets":${a}},"v":{${ok},"data_offsets":${b}}}`;
  refuses(() => open(file(two("[0,8]", "[4,12]"), 12)), /"v" overlaps the one before it by 4 bytes/);
  refuses(() => openSafetensors("/nowhere.safetensors"), /does not exist/);
  refuses(() => openSafetensors("/"), /is a folder/);
});

Deno.test("names that JavaScript treats specially are only names", () => {
  const entry = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
  assert.deepEqual(open(file(`{"__proto__":${entry}}`, 1)), ["__proto__"]);
  assert.deepEqual(open(file("{}")), []);
});

Deno.test("damaged copies are read or refused", () => {
  const valid = withFile("", (path) => {
    writeSafetensors(path, TENSORS, { format: "pt" });
    return Deno.readFileSync(path);
  });
  readDamaged(valid, 600, (path) => {
    using f = openSafetensors(path);
    for (const key of f.keys()) if (f.info(key).dtype !== "C64") f.f32(key);
  });
});

Deno.test("NaN and infinity are neither read as weights nor written, and the old file stays", () => {
  const bits: [dtype: string, bytes: Uint8Array, found: string][] = [
    ["F32", bytesOf(Float32Array.of(0, -Infinity)), "-inf at 1"],
    ["F16", bytesOf(Uint16Array.of(0x3c00, 0x7bff, 0x7c00)), "inf at 2"],
    ["BF16", bytesOf(Uint16Array.of(0x7f7f, 0x7fc0)), "NaN at 1"],
    ["F64", bytesOf(Float64Array.of(1e300, NaN)), "NaN at 1"],
    ["F8_E4M3", Uint8Array.of(0x7e, 0xff), "NaN at 1"],
    ["F8_E5M2", Uint8Array.of(0x7b, 0x7c), "inf at 1"],
  ];
  for (const [dtype, data, found] of bits) {
    const tensor = {
      name: "the.key",
      dtype,
      shape: [data.length / (Number(dtype.match(/[0-9]+/)![0]) / 8)],
      data,
    };
    withFile("", (path) => {
      writeSafetensors(path, TENSORS);
      const before = Deno.readFileSync(path);
      assert.throws(
        () => writeSafetensors(path, [...TENSORS, tensor]),
        (error: Error) => error.message.includes(`the.key would hold ${found} as ${dtype}`),
      );
      assert.deepEqual(Deno.readFileSync(path), before);
      writeSafetensors(path, [{ ...tensor, copied: true }]);
      using f = openSafetensors(path);
      assert.throws(
        () => f.f32("the.key"),
        (error: Error) => error.message.includes(`the.key holds ${found},`),
      );
    });
  }
});
