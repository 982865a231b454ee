/** easel inspect FILE. */

import type { Inspection } from "../../tools/inspect.ts";
import { command } from "../command.ts";
import { flag, group, own } from "../../options/mod.ts";
import { checkpoint } from "../../options/paths.ts";
import { bytesText } from "../../base/bytes.ts";
import { counted } from "../../base/phrases.ts";
import { print } from "../screen/output.ts";
import { oneLine } from "../screen/screen.ts";

const inspectOptions = group("Output", {
  json: own(flag("one JSON object instead of text")),
  no_keys: own(flag("leave the list of tensors out")),
});

export const inspect = command({
  groups: [inspectOptions],
  positionals: ["FILE"],
  completes: "model",
  jsonIsResult: true,
  examples: [
    "easel inspect out/cat.safetensors",
    "easel inspect --no_keys builtin:tiny",
    "easel inspect --json --no_keys out/cat.safetensors",
  ],
  about:
    "FILE is a .safetensors or .ckpt file, a checkpoint, a LoRA or an autoencoder, a Diffusers folder, or builtin:tiny.",
  check: ({ positionals }) => checkpoint("FILE", positionals[0]),
  async run({ values, positionals }) {
    const { inspectFile } = await import("../../tools/inspect.ts");
    const found = inspectFile(positionals[0]);
    if (values.json) print(JSON.stringify(values.noKeys ? { ...found, tensors: undefined } : found, null, 1));
    else for (const line of inspectionLines(found, !values.noKeys)) print(oneLine(line));
  },
});

function inspectionLines(found: Inspection, keys: boolean): string[] {
  const elements = Object.entries(found.elements).map(([dtype, n]) => `${n.toLocaleString("en")} ${dtype}`);
  const lines = [
    `${found.path}: ${found.what}`,
    `${bytesText(found.bytes)}, ${counted(found.tensors.length, "tensor")}, ${
      elements.join(" + ") || "no"
    } elements`,
  ];
  const metadata = Object.entries(found.metadata).sort(([a], [b]) => a < b ? -1 : 1);
  if (metadata.length) {
    lines.push(
      "",
      "metadata:",
      ...metadata.map(([key, value]) => `  ${key}: ${value}`),
    );
  }
  if (keys && found.tensors.length) {
    const width = Math.max(...found.tensors.map((row) => row.key.length));
    lines.push("", "tensors:");
    for (const { key, dtype, shape } of found.tensors) {
      lines.push(`  ${key.padEnd(width)}  ${dtype.padEnd(4)}  [${shape.join(", ")}]`);
    }
  }
  return lines;
}
