/** The optimizer's parameter groups of a LoRA network: one for each learning rate. */

import type { BlockTable } from "../../models/mod.ts";
import type { LoraOptions } from "./args.ts";
import { matching, type Named } from "./patterns.ts";
import type { NetworkKind, NetworkModule } from "../kinds/kind.ts";

export interface ParameterGroup {
  /** What sd-scripts' logs call it: "textencoder", "unet", "unet_block12", "unet plus". */
  readonly description: string;
  readonly lr: number;
  /** Keys of the tensors that are trained. */
  readonly keys: readonly string[];
}

export interface LearningRates {
  /** --learning_rate, used where the other two are null. */
  readonly default: number | null;
  readonly unet: number | null;
  readonly textEncoder: number | null;
}

/**
 * Text encoders, then the U-Net as a whole or block by block in creation order; LoRA+ splits some of the tensors (lora_up) off. A group
 * whose rate is 0 is left out: its weights stay as they are.
 */
export function parameterGroups(
  modules: readonly NetworkModule[],
  options: Pick<LoraOptions, "blocks" | "loraPlus" | "patterns">,
  rates: LearningRates,
): ParameterGroup[] {
  const { loraPlus } = options;
  const text = modules.filter((m) => m.part !== "unet"), unet = modules.filter((m) => m.part === "unet");
  // a ratio of 0 for one part is none given, for both it has lora_up rest: sd-scripts joins them with `or`
  const textRatio = loraPlus.textEncoder || loraPlus.ratio, unetRatio = loraPlus.unet || loraPlus.ratio;
  const textLr = rates.textEncoder ?? rates.default, unetLr = rates.unet ?? rates.default;
  const named = options.patterns?.rates ?? [];
  const groups = byName("textencoder", text, textLr, textRatio, named);
  if (!options.blocks?.lrWeights) return [...groups, ...byName("unet", unet, unetLr, unetRatio, named)];
  const { lrWeights, table } = options.blocks;
  for (const [block, members] of byBlock(unet, table)) {
    const lr = unetLr === null ? null : unetLr * lrWeights.at(block)!;
    groups.push(...split(`unet_block${block}`, members, lr, unetRatio));
  }
  return groups;
}

/** Modules with a rate of their own by their names first, in a group for each pattern. */
function byName(
  description: string,
  modules: readonly NetworkModule[],
  lr: number | null,
  ratio: number | null,
  rates: readonly Named[],
): ParameterGroup[] {
  const own = rates.map((_, i) => modules.filter((module) => matching(rates, module) === i));
  const rest = modules.filter((module) => matching(rates, module) < 0);
  return [
    ...own.flatMap((members, i) => split(`${description} reg_lr_${i}`, members, rates[i].value, ratio)),
    ...split(description, rest, lr, ratio),
  ];
}

function byBlock(modules: readonly NetworkModule[], table: BlockTable): Map<number, NetworkModule[]> {
  const blocks = new Map<number, NetworkModule[]>();
  for (const module of modules) {
    const block = table.blockOf(module.name);
    blocks.set(block, [...blocks.get(block) ?? [], module]);
  }
  return blocks;
}

function split(
  description: string,
  modules: readonly NetworkModule[],
  lr: number | null,
  ratio: number | null,
): ParameterGroup[] {
  if (lr === null || lr === 0 || modules.length === 0) return [];
  const keys = (plus: boolean) =>
    modules.flatMap(({ name, kind, tensors }) =>
      Object.keys(tensors)
        .filter((suffix) => kind.trains?.(suffix) ?? true)
        .filter((suffix) => ratio === null || plus === isPlus(kind, suffix))
        .map((suffix) => `${name}.${suffix}`)
    );
  const group = { description, lr, keys: keys(false) };
  const faster = { description: `${description} plus`, lr: lr * (ratio ?? 1), keys: keys(true) };
  return (ratio === null ? [group] : [group, faster]).filter(({ lr, keys }) => lr !== 0 && keys.length > 0);
}

/** Whether LoRA+ gives a tensor a rate of its own: by its suffix, or what the suffix begins with before a dot. */
function isPlus({ plus = [] }: NetworkKind, suffix: string): boolean {
  return plus.some((own) => suffix === own || suffix.startsWith(`${own}.`));
}
