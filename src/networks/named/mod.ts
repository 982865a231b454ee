/** Networks by --network_module; a new one is a file here and a line in the table. */

import { UsageError } from "../../base/errors.ts";
import { namedDylora } from "./dylora.ts";
import { namedLoha, namedLokr } from "./loha.ts";
import { namedLora, namedLoraFa } from "./lora.ts";
import { namedLycoris } from "./lycoris.ts";
import type { NamedNetwork } from "./named.ts";
import { namedOft } from "./oft.ts";

export const NETWORKS: readonly NamedNetwork[] = [
  ...[namedLora, namedLoraFa, namedDylora, namedOft, namedLoha, namedLokr],
  namedLycoris,
];

/** Throws UsageError. */
export function networkNamed(name: string): NamedNetwork {
  const found = NETWORKS.find((network) => network.name === name);
  if (found) return found;
  const names = NETWORKS.map((network) => network.name).join(", ");
  throw new UsageError(`--network_module ${name} is not supported yet; these are: ${names}`);
}
