/** networks.oft of sd-scripts: --network_dim is the number of blocks, --network_alpha the constraint. */

import { UsageError } from "../../base/errors.ts";
import { oft, OFT_PREFIX } from "../kinds/rotations/oft.ts";
import { loraOptions, splitNetworkArgs } from "../sites/args.ts";
import { loraModule } from "../sites/modules.ts";
import { isLargeConvolution, loraTargets } from "../sites/targets.ts";
import { truth } from "../sites/values.ts";
import type { NamedNetwork } from "./named.ts";

const OWN = ["enable_all_linear", "enable_conv"];

export const namedOft: NamedNetwork = {
  name: "networks.oft",
  limitsNoNorms: true,
  options(flags, table, compat) {
    const given = splitNetworkArgs(flags.args ?? [], this.name, OWN);
    if (flags.dropout !== null) {
      throw new UsageError(`--network_dropout ${flags.dropout}: networks.oft has no dropout; leave it away`);
    }
    const options = loraOptions({ ...flags, args: [] }, table, compat);
    return { ...options, kind: oft, given: { ...given, dropout: null } };
  },
  modules(shapes, family, { dim, alpha, given }) {
    // of the U-Net alone, in sd-scripts' words: attention or whole transformers, with enable_conv resnets and resamplers
    const all = isOn("enable_all_linear", given), convolutions = isOn("enable_conv", given);
    return loraTargets(shapes, family, { convolutions }).flatMap((target) => {
      if (target.part !== "unet") return [];
      const inTransformer = /_transformer_blocks_|_proj_(in|out)$/.test(target.name);
      if (inTransformer && !all && !/_attn[12]_to_/.test(target.name)) return [];
      if (isLargeConvolution(target) && !convolutions) return [];
      const name = target.name.replace(/^lora_unet_/, OFT_PREFIX);
      if (target.shape[0] % dim !== 0) {
        throw new UsageError(
          `--network_dim ${dim}: ${name} has ${
            target.shape[0]
          } outputs, which do not part into ${dim} blocks; give a divisor`,
        );
      }
      return [loraModule({ ...target, name }, dim, alpha, oft)];
    });
  },
  advice: ({ alpha: { value } }) =>
    value < 1
      ? null
      : `--network_alpha ${value} is networks.oft's constraint and hardly limits anything; 1e-3 is usual`,
};

function isOn(key: string, given: Readonly<Record<string, string | number | null>>): boolean {
  return key in given && truth(key, String(given[key]));
}
