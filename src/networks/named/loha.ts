/** networks.loha and networks.lokr of sd-scripts 0.11. */

import { UsageError } from "../../base/errors.ts";
import type { KindSettings, NetworkKind } from "../kinds/kind.ts";
import { loha } from "../kinds/loha.ts";
import { lokr } from "../kinds/lokr.ts";
import { loraOptions, splitNetworkArgs } from "../sites/args.ts";
import { loraModules } from "../sites/modules.ts";
import { namePatterns, PATTERN_KEYS } from "../sites/patterns.ts";
import { number, truth } from "../sites/values.ts";
import type { NamedNetwork } from "./named.ts";

/** Options that networks.lora has too. */
const SHARED = [
  ...["conv_dim", "conv_alpha", "rank_dropout", "module_dropout"],
  ...["loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio"],
];

export const namedLoha = named("networks.loha", loha, ["use_tucker"]);

export const namedLokr = named("networks.lokr", lokr, ["use_tucker", "factor"]);

function named(name: string, kind: NetworkKind, own: readonly string[]): NamedNetwork {
  return {
    name,
    options(flags, table, compat) {
      const given = splitNetworkArgs(flags.args ?? [], name, [...SHARED, ...own, ...PATTERN_KEYS]);
      if (flags.dropout !== null) {
        throw new UsageError(
          `--network_dropout ${flags.dropout}: ${name} has none; use rank_dropout or module_dropout`,
        );
      }
      const shared = Object.entries(given).filter(([key]) => SHARED.includes(key));
      const args = shared.map(([key, value]) => `${key}=${value}`);
      const options = loraOptions({ ...flags, args }, table, compat, name, SHARED);
      return {
        ...options,
        kind,
        patterns: namePatterns(given),
        settings: settingsOf(given),
        rankDropout: null,
        rowDropout: options.rankDropout === null ? null : { p: options.rankDropout, scale: "kept" },
        given: { ...given, dropout: options.given.dropout },
      };
    },
    modules: loraModules,
  };
}

function settingsOf({ use_tucker: tucker, factor }: Readonly<Record<string, string>>): KindSettings {
  return {
    sdScripts: true,
    useTucker: tucker !== undefined && truth("use_tucker", tucker),
    factor: factor === undefined ? -1 : divisor("factor", factor),
  };
}

/** A whole number, -1 for as near to the square root as can be. */
export function divisor(key: string, text: string): number {
  const value = number(key, text);
  if (!Number.isInteger(value) || value === 0 || value < -1) {
    throw new UsageError(`--network_args ${key}=${text}: give a whole number above 0, or -1`);
  }
  return value;
}
