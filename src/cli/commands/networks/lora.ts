/** easel lora diff A B: what two networks change differently. */

import { UsageError } from "../../../base/errors.ts";
import { counted } from "../../../base/phrases.ts";
import { checkpoint, modelFile } from "../../../options/paths.ts";
import { automationOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import type { Compared, Difference } from "../../../tools/network/any_kind/lora_diff.ts";
import { loraDiffOptions } from "../../../tools/network/options.ts";
import { command } from "../../command.ts";
import { print } from "../../screen/output.ts";
import { oneLine } from "../../screen/screen.ts";

/** Lines without --all. */
const SHOWN = 10;

export const loraCommand = command({
  groups: [loraDiffOptions, automationOptions],
  positionals: ["diff", "A", "B"],
  completes: "model",
  about:
    "Compares what the networks do, not their numbers: each layer's change by A with its change by B, whatever kinds, " +
    "ranks and keys they have. The difference is 0% where they do the same and 100% where one does nothing. Kinds whose " +
    "change depends on the model's weights need --sd_model.",
  examples: ["easel lora diff out/cat.safetensors out/cat16.safetensors"],
  check({ values, positionals: [what, a, b] }) {
    if (what !== "diff") throw new UsageError(`easel lora ${what}: there is no such word; give diff`);
    modelFile("A", a);
    modelFile("B", b);
    checkpoint("sd_model", values.sdModel);
    checkDevice({ device: values.device ?? "auto" });
  },
  async run({ values, positionals: [, a, b] }, context) {
    const { distance, loraDiff, totalOf } = await import("../../../tools/network/any_kind/lora_diff.ts");
    const { changes, metadata } = await loraDiff(values, [a, b], context);
    const say = values.json ? context.log : print;
    const rows = changes.toSorted((x, y) => distance(y) - distance(x));
    for (const row of values.all ? rows : rows.slice(0, SHOWN)) {
      say(oneLine(`${row.key}: ${percent(distance(row))}${kinds(row)}`));
    }
    if (!values.all && rows.length > SHOWN) say(`and ${rows.length - SHOWN} more, shown with --all`);
    for (const [key, pair] of shown(metadata)) say(oneLine(`${key}: ${pair.map(word).join(" -> ")}`));
    say(`${counted(rows.length, "weight")}; the networks differ by ${percent(distance(totalOf(changes)))}`);
  },
});

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

function kinds({ kinds: [a, b] }: Compared): string {
  if (a === null) return `, only B has it (${b})`;
  if (b === null) return `, only A has it (${a})`;
  return a === b ? ` (${a})` : ` (${a} -> ${b})`;
}

/** Hashes and times always differ. */
function shown(metadata: Difference["metadata"]): [string, readonly (string | undefined)[]][] {
  return [...metadata].filter(([key]) => !/hash|_at$|date|session_id/.test(key));
}

const word = (text: string | undefined) => text === undefined ? "nothing" : text.slice(0, 60);
