import assert from "node:assert/strict";
import { zipSync } from "fflate";
import { openCheckpoint } from "../../../src/formats/checkpoint.ts";
import { readDamaged, refuses, withFile } from "../hostile.ts";

/*
 * torch_zip.pt and torch_legacy.pt were written by torch 2.13, with and without _use_new_zipfile_serialization:
 *   a = torch.arange(6, dtype=torch.float32).reshape(2, 3)
 *   sd = OrderedDict(w=a, transposed=a.t(), part=a[:, 1:], half=torch.tensor([1.5, -2]).half(),
 *     bf16=torch.tensor([0.5]).bfloat16(), step=torch.tensor(7), flags=torch.tensor([True, False]), p=Parameter(torch.ones(2)))
 *   torch.save({"state_dict": sd, "epoch": 3, "lr": 0.1, "optimizer": [torch.zeros(2)]}, ...)
 */
const fixture = (name: string) =>
  decodeURIComponent(new URL(`../../data/formats/${name}`, import.meta.url).pathname);

for (const name of ["torch_zip.pt", "torch_legacy.pt"]) {
  Deno.test(`${name}: all tensors of the state dict are read, views and all`, () => {
    using file = openCheckpoint(fixture(name));
    const values = Object.fromEntries(file.keys().map((key) => [key, [...file.f32(key)]]));
    assert.deepEqual(values, {
      w: [0, 1, 2, 3, 4, 5],
      transposed: [0, 3, 1, 4, 2, 5],
      part: [1, 2, 4, 5],
      half: [1.5, -2],
      bf16: [0.5],
      step: [7],
      flags: [1, 0],
      p: [1, 1],
    });
    assert.deepEqual(file.info("transposed"), { dtype: "F32", shape: [3, 2], bytes: 24, offset: -1 });
    assert.deepEqual(file.info("step").shape, []);
    refuses(() => file.info("optimizer.0"), /has no tensor optimizer\.0/);
  });

  Deno.test(`${name}: a packed tensor's offset is where its bytes lie in the file`, () => {
    using file = openCheckpoint(fixture(name));
    const bytes = Deno.readFileSync(fixture(name));
    for (const key of ["w", "half", "bf16", "step", "p"]) {
      const info = file.info(key);
      assert.deepEqual(bytes.slice(info.offset, info.offset + info.bytes), file.bytes(key));
    }
  });

  Deno.test(`${name}: damaged copies are read or refused`, () => {
    readDamaged(Deno.readFileSync(fixture(name)), 800, (path) => {
      using file = openCheckpoint(path);
      for (const key of file.keys()) file.f32(key);
    });
  });
}

const ascii = (text: string) => [...new TextEncoder().encode(text)];
const word = (text: string) => [0x8c, text.length, ...ascii(text)]; // SHORT_BINUNICODE
const name = (module: string, name: string) => [0x63, ...ascii(`${module}\n${name}\n`)]; // GLOBAL
const int = (n: number) => [0x4a, ...new Uint8Array(Int32Array.of(n).buffer)]; // BININT
const tuple = (...parts: number[][]) => [0x28, ...parts.flat(), 0x74]; // MARK ... TUPLE
const call = (made: number[], ...args: number[][]) => [...made, ...tuple(...args), 0x52]; // REDUCE
const ints = (...list: number[]) => tuple(...list.map(int));
const storage = (count: number) => [
  ...tuple(word("storage"), name("torch", "FloatStorage"), word("0"), word("cpu"), int(count)),
  0x51, // BINPERSID
];
const dict = (key: string, value: number[]) => [0x80, 2, 0x7d, ...word(key), ...value, 0x73, 0x2e]; // {key: value}
const tensor = (count: number, offset: number, shape: number[], strides: number[]) =>
  call(
    name("torch._utils", "_rebuild_tensor_v2"),
    storage(count),
    int(offset),
    ints(...shape),
    ints(...strides),
    [0x89],
    [0x7d],
  );

/** A checkpoint of this pickle and one storage of four floats. */
const read = (pickle: number[], level: 0 | 6 = 0) => {
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const zip = zipSync({ "a/data.pkl": Uint8Array.from(pickle), "a/data/0": data }, { level });
  return withFile(zip, (path) => {
    using file = openCheckpoint(path);
    return file.keys().map((key) => [key, [...file.f32(key)]]);
  });
};

Deno.test("a pickle that asks for anything else is refused by name", () => {
  refuses(() => read(dict("w", call(name("os", "system"), word("echo pwned")))), /asks for os\.system/);
  refuses(() => read(dict("w", call(name("builtins", "eval"), word("1")))), /asks for builtins\.eval/);
  refuses(() => read(dict("w", name("torch", "load"))), /asks for torch\.load/);
  refuses(() => read(dict("w", name("torch", "constructor"))), /asks for torch\.constructor/);
  const stacked = [...word("posix"), ...word("system"), 0x93]; // STACK_GLOBAL
  refuses(() => read(dict("w", stacked)), /asks for posix\.system/);
  refuses(() => read([0x80, 2, 0x69, 0x2e]), /opcode 0x69/); // INST
});

Deno.test("what NumPy and newer PyTorch leave is data, and nothing that stands in its place is believed", () => {
  const untyped = (bytes: number) => [
    ...tuple(word("storage"), name("torch.storage", "UntypedStorage"), word("0"), word("cpu"), int(bytes)),
    0x51,
  ];
  const typed = (type: number[], count: number, stored = untyped(16)) =>
    call(
      name("torch._utils", "_rebuild_tensor_v3"),
      stored,
      int(0),
      ints(count),
      ints(1),
      [0x89],
      [0x7d],
      type,
    );
  const float8 = name("torch", "float8_e5m2");
  assert.deepEqual(read(dict("w", typed(float8, 2))), [["w", [0, 0]]]);
  refuses(() => read(dict("w", typed(float8, 17))), /reaches beyond its storage of 16/);
  refuses(() => read(dict("w", typed(name("torch", "float64"), 3))), /reaches beyond its storage of 2/);
  refuses(() => read(dict("w", typed(name("collections", "OrderedDict"), 1))), /no proper type and storage/);
  refuses(() => read(dict("w", typed(float8, 1, storage(4)))), /no proper type and storage/);
  refuses(() => read(dict("w", call(float8, int(1)))), /made from nothing/);
  // a dtype is no storage, and a class that is only carried along has no tensors
  refuses(
    () => read(dict("w", [...tuple(word("storage"), float8, word("0"), word("cpu"), int(4)), 0x51])),
    /no proper description/,
  );
  const scalar = (type: number[], bytes: number[]) =>
    call(name("numpy.core.multiarray", "scalar"), type, bytes);
  const int64 = call(name("numpy", "dtype"), word("i8"), [0x89], [0x88]);
  const eight = [0x43, 8, 7, 0, 0, 0, 0, 0, 0, 0]; // SHORT_BINBYTES
  assert.deepEqual(read(dict("step", scalar(int64, eight))), []);
  assert.deepEqual(read(dict("step", scalar(call(name("numpy", "dtype"), word("O8")), eight))), []);
  // a pickle inside a pickle is bytes
  const inner = [...name("os", "system"), ...tuple(word("id")), 0x52, 0x2e];
  assert.deepEqual(read(dict("w", [0x43, inner.length, ...inner])), []);
  refuses(
    () => read(dict("w", call(name("_pickle", "loads"), [0x43, inner.length, ...inner]))),
    /asks for _pickle\.loads/,
  );
  for (
    const [module, what] of [
      ["numpy", "load"],
      ["numpy.core.multiarray", "fromfile"],
      ["_codecs", "lookup"],
      [
        "torch.storage",
        "_load_from_bytes",
      ],
      ["torch", "hub"],
      ["builtins", "getattr"],
      ["__builtin__", "exec"],
      ["subprocess", "Popen"],
    ]
  ) refuses(() => read(dict("w", name(module, what))), new RegExp(`asks for ${module}\\.${what}`));
});

Deno.test("hyperparameters and trainers' states of every protocol are carried along", () => {
  const beside: number[][] = [
    [...name("argparse", "Namespace"), 0x29, 0x81, 0x7d, 0x62], // NEWOBJ, and BUILD with its attributes
    [...name("omegaconf.dictconfig", "DictConfig"), 0x29, 0x81, 0x7d, ...word("_content"), 0x7d, 0x73, 0x62],
    [...call(name("collections", "defaultdict"), name("__builtin__", "list")), ...word("a"), 0x5d, 0x73],
    // int, str and range by protocol 2
    call(name("collections", "defaultdict"), name("__builtin__", "long")),
    ...["unicode", "xrange"].map((what) => call(name("__builtin__", what), int(3))),
    [...name("__builtin__", "dict"), 0x29, 0x81, ...word("a"), ...int(1), 0x73],
    call(name("collections", "Counter"), [0x7d, ...word("a"), ...int(2), 0x73]),
    call(name("__builtin__", "frozenset"), [0x5d, ...int(1), 0x61]),
    call(name("datetime", "datetime"), [0x43, 2, 1, 2]),
    [0x8f, 0x28, ...int(1), ...int(2), 0x90], // a set of protocol 4
    [0x28, ...int(1), 0x91], // a frozenset
    [0x96, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2], // a bytearray of protocol 5
    [0x8e, 1, 0, 0, 0, 0, 0, 0, 0, 1], // BINBYTES8
  ];
  for (const object of beside) {
    const weights = [...word("w"), ...tensor(4, 0, [4], [1]), 0x73];
    const pickle = [0x80, 5, 0x7d, ...word("args"), ...object, 0x73, ...weights, 0x2e];
    assert.deepEqual(read(pickle), [["w", [1, 2, 3, 4]]]);
  }
});

Deno.test("views stay within their storage, or are refused", () => {
  assert.deepEqual(read(dict("w", tensor(4, 1, [3], [1]))), [["w", [2, 3, 4]]]);
  assert.deepEqual(read(dict("w", tensor(4, 0, [2, 2], [1, 2])), 6), [["w", [1, 3, 2, 4]]]);
  assert.deepEqual(read(dict("w", tensor(4, 4, [0], [1]))), [["w", []]]);
  // expanded: the same elements several times over
  assert.deepEqual(read(dict("w", tensor(4, 1, [3, 2], [0, 1]))), [["w", [2, 3, 2, 3, 2, 3]]]);
  refuses(() => read(dict("w", tensor(4, 2, [3], [1]))), /"w" \[3\] reaches beyond its storage of 4/);
  refuses(() => read(dict("w", tensor(4, 0, [2], [4]))), /reaches beyond/);
  refuses(
    () => read(dict("w", tensor(4, 0, [2_000_000_000], [0]))),
    /repeats a storage of 4, at most 1048576 .*EASEL_NO_LIMITS=1/,
  );
  refuses(() => read(dict("w", tensor(5, 0, [5], [1]))), /storage "0" is missing or has another size/);
  refuses(() => read(dict("w", tensor(4, -1, [1], [1]))), /no proper offset/);
  refuses(() => read(dict("w", tensor(4, 0, [2, 2], [1]))), /no proper offset/);
});

Deno.test("a dict that holds itself, or its like many times over, ends", () => {
  const remember = (i: number) => [0x71, i], recall = (i: number) => [0x68, i];
  assert.deepEqual(read([0x80, 2, 0x7d, ...remember(0), ...word("me"), ...recall(0), 0x73, 0x2e]), []);
  const laughs = [0x80, 2, 0x5d, ...remember(0)];
  for (let i = 0; i < 60; i++) laughs.push(...recall(i), ...recall(i), 0x86, ...remember(i + 1)); // pairs of pairs
  assert.deepEqual(read([...laughs, 0x2e]), []);
});

Deno.test("what a small file would make of itself in memory is counted", () => {
  const many = new Uint8Array(1_100_000).fill(0x5d); // as many empty lists
  many.set([0x80, 2]);
  many[many.length - 1] = 0x2e;
  refuses(() => read([...many], 6), /makes more than 1000000 values.*EASEL_NO_LIMITS=1/);
  const long = [0x58, ...new Uint8Array(Int32Array.of(2000).buffer), ...new Uint8Array(2000).fill(0x61)];
  const encoded = [...call(name("_codecs", "encode"), [0x68, 0], word("latin1")), 0x30]; // BINGET, POP
  const copies = [0x80, 2, ...long, 0x71, 0, ...Array(50).fill(encoded).flat(), 0x2e];
  refuses(() => read(copies), /it copies more than it holds/);
  const nested = [0x80, 2, 0x7d, ...long, 0x7d, ...word("w"), ...tensor(4, 0, [4], [1]), 0x73, 0x73, 0x2e];
  refuses(() => read(nested), /a name in it has 2000 characters/);
  const huge = new Uint8Array(2 ** 26 + 4); // deflated to a thousandth
  const zip = zipSync({
    "a/data.pkl": Uint8Array.from(dict("w", tensor(2 ** 24 + 1, 0, [1], [1]))),
    "a/data/0": huge,
  });
  refuses(
    () =>
      withFile(zip, (path) => {
        using file = openCheckpoint(path);
        file.f32("w");
      }),
    /a\/data\/0 becomes 67108868 bytes, at most 67108864; set EASEL_NO_LIMITS=1/,
  );
});

Deno.test("other files are refused for what they are", () => {
  refuses(
    () => withFile(zipSync({ "a/readme": new Uint8Array(9) }), openCheckpoint),
    /no file of PyTorch, for it has no data\.pkl/,
  );
  refuses(
    () => withFile("version https://git-lfs.github.com/spec/v1\n", openCheckpoint),
    /Git LFS pointer/,
  );
  refuses(() => withFile("short", openCheckpoint), /is plain text \("short"\)/);
  refuses(
    () => withFile(Uint8Array.from([0x80, 2, 0x4e, 0x2e, 0, 0, 0, 0, 0, 0]), openCheckpoint),
    /no checkpoint/,
  );
});
