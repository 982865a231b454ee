/** networks.dylora of sd-scripts. */

import { UsageError } from "../../base/errors.ts";
import { dylora } from "../kinds/dylora.ts";
import { loraOptions, splitNetworkArgs } from "../sites/args.ts";
import { loraModules } from "../sites/modules.ts";
import { integer } from "../sites/values.ts";
import type { NamedNetwork } from "./named.ts";

const OWN = [
  "conv_dim",
  "conv_alpha",
  "loraplus_lr_ratio",
  "loraplus_unet_lr_ratio",
  "loraplus_text_encoder_lr_ratio",
];

export const namedDylora: NamedNetwork = {
  name: "networks.dylora",
  limitsNoNorms: true,
  options(flags, table, compat) {
    const { unit: text, ...given } = splitNetworkArgs(flags.args ?? [], this.name, [...OWN, "unit"]);
    if (flags.dropout !== null) {
      throw new UsageError(
        `--network_dropout ${flags.dropout}: networks.dylora has no dropout; leave it away`,
      );
    }
    const args = Object.entries(given).map(([key, value]) => `${key}=${value}`);
    const options = loraOptions({ ...flags, args }, table, compat, this.name, OWN);
    const unit = text === undefined ? 1 : integer("unit", text), { dim, convDim } = options;
    if (unit < 1 || dim % unit !== 0) {
      throw new UsageError(`--network_args unit=${unit}: --network_dim ${dim} is no multiple of it`);
    }
    if (convDim !== null && convDim !== dim) {
      throw new UsageError(
        `--network_args conv_dim=${convDim}: DyLoRA has one rank; give ${dim}, --network_dim`,
      );
    }
    const all = text === undefined ? options.given : { ...given, unit: text, dropout: options.given.dropout };
    // sd-scripts reads conv_alpha and computes with --network_alpha
    const convAlpha = compat ? options.alpha : options.convAlpha;
    return { ...options, convAlpha, kind: dylora, settings: { unit }, given: all };
  },
  modules: loraModules,
};
