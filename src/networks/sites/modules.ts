/** The modules of one LoRA network: targets with rank and alpha, in creation order. */

import type { LoraOptions } from "./args.ts";
import type { KindSettings, NetworkKind, NetworkModule } from "../kinds/kind.ts";
import { lora } from "../kinds/lora.ts";
import type { Family, Shapes } from "../../models/mod.ts";
import { isExcluded, matching } from "./patterns.ts";
import { isLargeConvolution, loraTargets, type Target } from "./targets.ts";
import { type Alpha, wholeAlpha } from "./values.ts";

/** A module of a rank on a layer. Alpha 0 stands for the rank: no scaling. */
export function loraModule(
  target: Target,
  rank: number,
  alpha: Alpha,
  kind: NetworkKind = lora,
  settings: KindSettings = {},
): NetworkModule {
  // of other kinds alpha may be something else, for which 0 says off
  const size = { rank, settings, alpha: alpha.value === 0 && !kind.alphaLimits ? wholeAlpha(rank) : alpha };
  return { ...target, ...size, kind, tensors: kind.tensors(target, size) };
}

export interface ModuleOptions {
  /** See TargetOptions. */
  readonly linearProjection?: boolean;
  /** Linear layers and 1x1 convolutions of resnets and resamplers too, although there is no conv_dim. */
  readonly resnets?: boolean;
}

/**
 * The modules that sd-scripts' create_network makes for a checkpoint, always of text encoders and U-Net (which matters
 * for the random numbers of their weights); keep only those of the parts that are trained.
 */
export function loraModules(
  shapes: Shapes,
  family: Family,
  options: LoraOptions,
  { linearProjection = false, resnets = false }: ModuleOptions = {},
): NetworkModule[] {
  const { blocks, patterns } = options;
  const convolutions = resnets || options.convDim !== null || blocks?.convDims != null;
  return loraTargets(shapes, family, { convolutions, linearProjection }).flatMap((target) => {
    if (patterns && isExcluded(patterns, target)) return [];
    const large = isLargeConvolution(target);
    let rank = large ? options.convDim : options.dim;
    let alpha: Alpha | undefined = large ? options.convAlpha : options.alpha;
    if (blocks && target.part === "unet") {
      const block = family.sites.blocks.blockOf(target.name);
      rank = (large ? blocks.convDims : blocks.dims)?.at(block) ?? null;
      alpha = (large ? blocks.convAlphas : blocks.alphas)?.at(block);
    }
    const own = patterns ? matching(patterns.dims, target) : -1;
    if (own >= 0) [rank, alpha] = [patterns!.dims[own].value, options.alpha];
    return rank && alpha ? [loraModule(target, rank, alpha, options.kind, options.settings)] : [];
  });
}

/** What delta and output of a module's kind are multiplied by. */
export function scaleOf(module: NetworkModule): number {
  const { alpha, computedAlpha = alpha, rank, kind } = module;
  return kind.scale ? kind.scale(module) : computedAlpha.value / rank;
}
