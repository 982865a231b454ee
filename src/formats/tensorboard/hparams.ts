/**
 * The options of a run on TensorBoard's page HPARAMS: what SummaryWriter.add_hparams() writes when it is given no metrics,
 * and the hparams.yml that accelerate's tracker puts beside it.
 */

import { join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { EventWriter } from "./event_file.ts";
import { double, integer, message, textField } from "./protobuf_writer.ts";

/** Null: not given. */
export type HyperParameter = string | number | boolean | null;
export type HyperParameters = Readonly<Record<string, HyperParameter>>;

/** Of tensorboard/plugins/hparams/api.proto. */
const TYPE = { string: 1, number: 3 } as const;
const SUCCESS = 1;

/** Writes both into a folder of their own below `folder`, named by the time. Throws UserError when that cannot be. */
export function writeHyperParameters(
  folder: string,
  values: HyperParameters,
  now: number = Date.now(),
): void {
  const own = join(folder, (now / 1000).toFixed(3));
  using writer = new EventWriter(own, now);
  for (const [tag, content] of Object.entries(hparamsMessages(values))) {
    writer.plugin(`_hparams_/${tag}`, "hparams", content, now);
  }
  atomicWriteFile(join(own, "hparams.yml"), hparamsYaml(values));
}

/** HParamsPluginData by the tag it is kept under. Truth values are numbers, as Python takes them. */
export function hparamsMessages(values: HyperParameters): Readonly<Record<string, Uint8Array>> {
  const given = Object.entries(values).flatMap(([name, value]): [string, string | number][] =>
    value === null ? [] : [[name, typeof value === "boolean" ? Number(value) : value]]
  );
  const infos = given.map(([name, value]) =>
    message(4, [textField(1, name), integer(4, typeof value === "string" ? TYPE.string : TYPE.number)])
  );
  const entries = given.toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, value]) =>
    message(1, [
      textField(1, name),
      message(2, [typeof value === "string" ? textField(3, value) : double(2, value)]),
    ])
  );
  return {
    experiment: message(2, infos),
    session_start_info: message(3, entries),
    session_end_info: message(4, [integer(1, SUCCESS)]),
  };
}

/** Any YAML reader gives the values back; keys in order. */
export function hparamsYaml(values: HyperParameters): string {
  return Object.keys(values).sort().map((name) => `${name}: ${yamlOf(values[name])}\n`).join("");
}

/** A number with an exponent wants a point, or YAML 1.1 takes it for a text. */
function yamlOf(value: HyperParameter): string {
  if (typeof value !== "number") return JSON.stringify(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? ".nan" : value > 0 ? ".inf" : "-.inf";
  return String(value).replace(/^(-?\d+)e/, "$1.0e");
}
