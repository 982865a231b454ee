/** One word, one thing: a name that two rooms export is met with the wrong meaning in mind. */

import assert from "node:assert/strict";
import { sources, textOf } from "./sources.ts";

/** Words that mean two things still, and those that are right twice: shorten the list, do not lengthen it. */
const KNOWN = {
  // the field's word for an operation of a graph and for the layer or optimizer made of it
  layers: ["adamw", "checkpoint", "conv2d", "groupNorm", "layerNorm", "linear"],
  // rows of options and of an optimizer's arguments are read in files of their own
  rows: ["flag", "float", "integer", "number", "positive", "Rows", "Value", "Values"],
  // a command on the command line, and the function that it calls
  commands: ["cacheLatents", "canny", "cleanCaptionsAndTags"],
  still: [
    ...["BLOCKS", "Batch", "Conditioning", "Encoded", "Entry", "FolderOptions", "Group", "LatentShape"],
    ...["LoadOptions", "ParameterGroup", "Place", "Progress", "RunGenerators", "Settings", "Shape", "Source"],
    ...["Tensor", "below", "checkSize", "describe", "encode", "initialWeights", "openCheckpoint"],
    ...["scheduleOf", "writeFolder"],
  ],
};

const EXPORT = /^export (?:abstract )?(?:async )?(?:const|function\*?|class|interface|type|let) (\w+)/gm;

/** "src/models/unet/unet.ts" -> "src/models". */
const roomOf = (path: string) => path.split("/").slice(0, 2).join("/");

Deno.test("no two rooms export one name, but for a list that gets shorter", () => {
  const rooms = new Map<string, Set<string>>();
  for (const path of sources("src", "ffi")) {
    for (const [, name] of textOf(path).matchAll(EXPORT)) {
      rooms.set(name, (rooms.get(name) ?? new Set()).add(roomOf(path)));
    }
  }
  const twice = [...rooms].filter(([, where]) => where.size > 1).map(([name]) => name);
  const known: string[] = Object.values(KNOWN).flat();
  assert.deepEqual(
    twice.filter((name) => !known.includes(name)).map((name) =>
      `${name}: ${[...rooms.get(name)!].join(", ")}`
    ),
    [],
    "give one of them another name",
  );
  assert.deepEqual(known.filter((name) => !twice.includes(name)), [], "stands once now: off the list");
});
