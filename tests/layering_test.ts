/** The house rules that a machine can check: imports point down and in no circle, files stay small, one room touches pointers. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { codeOf, importsOf, includesOf, ROOT, sources, textOf } from "./sources.ts";

/** Top to bottom; a room imports from itself and from rooms in later rows. */
const STOREYS: readonly (readonly string[])[] = [
  ["main.ts", "worker.ts"],
  ["src/cli"],
  ["src/studio"],
  ["src/demo"],
  ["src/training", "src/generation", "src/tools"],
  ["src/networks"],
  ["src/data"],
  ["src/images"],
  ["src/models"],
  ["src/graph"],
  ["src/runtime"],
  ["ffi"],
];

/** Every room may import a leaf; a leaf imports only what is named here. */
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  "src/base": [],
  "src/formats": ["src/base"],
  "src/random": ["src/base"],
  "src/text": ["src/base", "src/formats"],
  "src/options": ["src/base", "src/formats", "src/text"],
  "src/hub": ["src/base"],
};

/** Between jobs of one storey: pictures drawn during training, and tools that make the built-in model. */
const NEIGHBOURS: readonly (readonly [string, string])[] = [
  ["src/training", "src/generation"],
  ["src/tools", "src/training"],
  ["src/tools", "src/generation"],
];

/** The same for what the CPU's kernels include; ops' rooms do not know each other. */
const KERNEL_STOREYS: readonly (readonly string[])[] = [
  ["attention", "chain", "conv", "moves", "norm", "pointwise"].map((room) => `kernels/cpu/${room}`),
  ["direct", "weight"].map((room) => `kernels/cpu/conv/${room}`),
  ["kernels/cpu/packing", "kernels/cpu/product"],
  ["kernels/cpu/vectors"],
  ["kernels/cpu"],
  [
    "kernels/executor",
    "kernels/executor/shapes",
    "kernels/executor/shapes/moves",
    "kernels/executor/shapes/product",
  ],
  ["kernels"],
];

/** Ops that are each other's gradient. */
const CIRCLES = [["src/graph/ops/broadcast.ts", "src/graph/ops/sum.ts"]];

const MOST_LINES = 310;

/** In one folder, without the folders in it. */
const MOST_FILES = 15;

/** Tables in which each row is a file: more of them make nothing harder to find. */
const LISTS = ["src/graph/ops", "tests/golden/topics"];

/** Words that mean two things still, and those that are right twice: shorten the list, do not lengthen it. */
const TWO_MEANINGS = {
  // the field's word for an operation of a graph and for the layer or optimizer made of it
  layers: ["adamw", "checkpoint", "conv2d", "groupNorm", "layerNorm", "linear"],
  // rows of options and of an optimizer's arguments are read in files of their own
  rows: ["flag", "float", "integer", "number", "Rows", "Value", "Values"],
  // a command on the command line, and the function that it calls
  commands: ["cacheLatents", "canny", "cleanCaptionsAndTags"],
  still: [
    ...["BLOCKS", "Batch", "Conditioning", "Encoded", "Entry", "FolderOptions", "Group", "LatentShape"],
    ...["LoadOptions", "ParameterGroup", "Place", "Progress", "RunGenerators", "Settings", "Shape", "Source"],
    ...["Tensor", "below", "checkSize", "describe", "encode", "initialWeights", "openCheckpoint"],
    ...["scheduleOf", "writeFolder", "Sources", "Step", "weightOf", "named", "flat", "Rule", "truth"],
  ],
};

/** Another program, which runs in a browser: its words are its own. */
const PAGE = "src/studio/page/";

const EXPORT = /^export (?:abstract )?(?:async )?(?:const|function\*?|class|interface|type|let) (\w+)/gm;

function roomOf(path: string): string {
  return path.startsWith("src/") ? path.split("/").slice(0, 2).join("/") : path.split("/")[0];
}

/** Files that import each other, directly or by way of others: every group of them (Tarjan's strong components). */
function circles(files: readonly string[]): string[][] {
  const order = new Map<string, number>(), lowest = new Map<string, number>(), found: string[][] = [];
  const open: string[] = [];
  const visit = (file: string) => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const target of importsOf(file)) {
      if (!files.includes(target)) continue;
      if (!order.has(target)) visit(target);
      if (open.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = open.splice(open.indexOf(file));
    if (circle.length > 1) found.push(circle.sort());
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return found;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(join(ROOT, path)).isFile;
  } catch {
    return false;
  }
}

function allowed(from: string, to: string): boolean {
  if (from === to || to === "deno.json") return true;
  if (from in LEAVES) return LEAVES[from].includes(to);
  if (to in LEAVES) return true;
  const storey = (room: string) => STOREYS.findIndex((rooms) => rooms.includes(room));
  if (storey(from) < 0 || storey(to) < 0) return false;
  return storey(from) < storey(to) || NEIGHBOURS.some(([a, b]) => a === from && b === to);
}

const program = ["main.ts", "worker.ts", ...sources("src", "ffi")];

/** All that is written by hand. */
const house = ["main.ts", "worker.ts", ...codeOf("src", "ffi", "kernels", "tests", "tools")]
  .filter((path) => !path.endsWith("easel_ops.h"));

Deno.test("imports point down the list of rooms", () => {
  const wrong = program.flatMap((path) =>
    importsOf(path)
      .filter((target) => !allowed(roomOf(path), roomOf(target)))
      .map((target) => `${path} imports ${target}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("the CPU's kernels include what is below them", () => {
  const storey = (path: string) => KERNEL_STOREYS.findIndex((rooms) => rooms.includes(dirname(path)));
  const wrong = codeOf("kernels/cpu").flatMap((path) =>
    includesOf(path)
      .filter((target) => !target.endsWith("dnnl.hpp") && dirname(target) !== dirname(path))
      .filter((target) => storey(path) < 0 || storey(target) <= storey(path))
      .map((target) => `${path} includes ${target}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("imports name files that exist", () => {
  const missing = program.flatMap((path) =>
    importsOf(path).filter((target) => !exists(target)).map((target) => `${path} imports ${target}`)
  );
  assert.deepEqual(missing, []);
});

Deno.test("the page imports nothing of the server's but types, and never calls Deno", () => {
  const page = program.filter((path) => path.startsWith(PAGE));
  const wrong = page.flatMap((path) => [
    ...importsOf(path, "loaded").filter((target) => !target.startsWith(PAGE))
      .map((target) => `${path} imports ${target}`),
    // the types that it imports are those of files that do
    ...textOf(path).match(/\bDeno\.\w+/g) ?? [],
  ]);
  assert.deepEqual(wrong, []);
});

Deno.test("no file imports itself by way of others", () => {
  assert.deepEqual(circles([...program, ...sources("tests", "tools")]), CIRCLES);
});

Deno.test("every folder of src is a room of the list", () => {
  const known = new Set([...STOREYS.flat(), ...Object.keys(LEAVES)]);
  assert.deepEqual(program.map(roomOf).filter((room) => !known.has(room)), []);
});

Deno.test(`no source file has more than ${MOST_LINES} lines`, () => {
  const long = house.filter((path) => textOf(path).split("\n").length - 1 > MOST_LINES);
  assert.deepEqual(long, []);
});

Deno.test(`no room has more than ${MOST_FILES} files`, () => {
  const rooms = Object.groupBy(house, dirname);
  const full = Object.entries(rooms).filter(([room, files]) =>
    !LISTS.includes(room) && files!.length > MOST_FILES
  );
  assert.deepEqual(full.map(([room, files]) => `${room}: ${files!.length}`), []);
});

Deno.test("Deno.dlopen stands in ffi/ and nowhere else", () => {
  const users = program.filter((path) => textOf(path).includes("Deno.dlopen("));
  assert.deepEqual(users.filter((path) => !path.startsWith("ffi/")), []);
  assert.deepEqual(users, ["ffi/exchange.ts", "ffi/exit.ts", "ffi/library.ts", "ffi/memory.ts"]);
});

Deno.test("no file is a drawer for everything", () => {
  const drawers = program.filter((path) => /(^|\/)(utils?|helpers?|misc|common)\.ts$/.test(path));
  assert.deepEqual(drawers, []);
});

Deno.test("no two rooms export one name, but for a list that gets shorter", () => {
  const rooms = new Map<string, Set<string>>();
  for (const path of sources("src", "ffi").filter((path) => !path.startsWith(PAGE))) {
    for (const [, name] of textOf(path).matchAll(EXPORT)) {
      rooms.set(name, (rooms.get(name) ?? new Set()).add(roomOf(path)));
    }
  }
  const twice = [...rooms].filter(([, where]) => where.size > 1).map(([name]) => name);
  const known: string[] = Object.values(TWO_MEANINGS).flat();
  assert.deepEqual(
    twice.filter((name) => !known.includes(name)).map((name) =>
      `${name}: ${[...rooms.get(name)!].join(", ")}`
    ),
    [],
    "give one of them another name",
  );
  assert.deepEqual(known.filter((name) => !twice.includes(name)), [], "stands once now: off the list");
});
