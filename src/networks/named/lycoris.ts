/** lycoris.kohya of LyCORIS 3: its algorithms, options and presets. */

import { UsageError } from "../../base/errors.ts";
import type { BlockTable, Family, Shapes } from "../../models/mod.ts";
import { boft } from "../kinds/rotations/boft.ts";
import { doraOf } from "../kinds/dora.ts";
import { dylora } from "../kinds/dylora.ts";
import { full, norm } from "../kinds/full.ts";
import { glora } from "../kinds/glora.ts";
import { ia3 } from "../kinds/ia3.ts";
import type { KindSettings, NetworkKind, NetworkModule } from "../kinds/kind.ts";
import { loha } from "../kinds/loha.ts";
import { lokr } from "../kinds/lokr.ts";
import { lora } from "../kinds/lora.ts";
import { oft } from "../kinds/rotations/oft.ts";
import { scalarOf } from "../kinds/scalar.ts";
import { type LoraOptions, loraOptions, type NetworkFlags, splitNetworkArgs } from "../sites/args.ts";
import { loraModule } from "../sites/modules.ts";
import { isLargeConvolution, loraTargets, type Target } from "../sites/targets.ts";
import { type Alpha, floatAlpha, integer, number, truth } from "../sites/values.ts";
import { divisor } from "./loha.ts";
import type { NamedNetwork } from "./named.ts";
import { type Preset, presetNamed, type Rule, ruleFor } from "./presets.ts";

const ALGORITHMS: Readonly<Record<string, NetworkKind>> = {
  ...{ lora, locon: lora, loha, lokr, ia3, dylora, glora, full, boft },
  ...{ "diag-oft": oft, diag_oft: oft, oft },
};

/** Those that DoRA and a scalar go around. */
const DECOMPOSED = [lora, loha, lokr], SCALED = [lora, loha, lokr, glora];

/** Options that networks.lora has too. */
const SHARED = [
  ...["conv_dim", "conv_alpha", "dropout", "rank_dropout", "module_dropout"],
  ...["loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio"],
];

/** How each further option, of the network or of a preset's table, changes a layer's. */
const OPTIONS: Readonly<Record<string, (key: string, text: string) => Partial<Layer>>> = {
  algo: (key, text) => ({ algorithm: algorithm(key, text) }),
  dim: (key, text) => ({ dim: integer(key, text) }),
  alpha: (key, text) => ({ alpha: floatAlpha(number(key, text)) }),
  ...settings("use_tucker", (text) => ({ useTucker: text })),
  ...settings("use_cp", (text) => ({ useTucker: text })),
  ...settings("use_conv_cp", (text) => ({ useTucker: text })),
  ...settings("use_scalar", (text) => ({ useScalar: text })),
  ...settings("decompose_both", (text) => ({ decomposeBoth: text })),
  ...settings("full_matrix", (text) => ({ fullMatrix: text })),
  ...settings("unbalanced_factorization", (text) => ({ unbalanced: text })),
  ...settings("rescaled", (text) => ({ rescaled: text })),
  ...settings("train_on_input", (text) => ({ onInput: text })),
  ...settings("wd_on_output", (text) => ({ onOutput: text })),
  factor: (key, text) => ({ settings: { factor: divisor(key, text) } }),
  block_size: (key, text) => ({ settings: { unit: integer(key, text) } }),
  constraint: (key, text) => ({ constraint: number(key, text) }),
  dora_wd: (key, text) => ({ dora: truth(key, text) }),
  weight_decompose: (key, text) => ({ dora: truth(key, text) }),
  rs_lora: (key, text) => ({ rankStabilized: truth(key, text) }),
};

const WEIGHTS_ALONE = "LyCORIS drops weights, not activations; use rank_dropout or module_dropout";

const OF_THE_NETWORK = ["preset", "train_norm", "bypass_mode", "rank_dropout_scale"];

/** What is asked for on a layer. */
interface Layer {
  readonly algorithm: string;
  readonly dim: number;
  readonly alpha: Alpha;
  readonly settings: KindSettings;
  readonly constraint: number;
  readonly dora: boolean;
  /** alpha / sqrt(rank) in place of alpha / rank (arXiv 2312.03732). */
  readonly rankStabilized: boolean;
}

interface LycorisOptions extends LoraOptions {
  readonly preset: Preset;
  readonly trainNorm: boolean;
  readonly layer: Omit<Layer, "dim" | "alpha">;
}

export const namedLycoris: NamedNetwork = {
  name: "lycoris.kohya",
  options: lycorisOptions,
  modules: (shapes, family, options) => lycorisModules(shapes, family, options as LycorisOptions),
  advice: (options) => {
    const { layer: { algorithm }, given: { preset, dropout } } = options as LycorisOptions;
    const notes = [
      ...Number(dropout) > 0 ? [`dropout ${dropout} has no effect: ${WEIGHTS_ALONE}`] : [],
      ...algorithm === "ia3" && preset !== "ia3" ? ["preset=ia3 is what IA3 was made for"] : [],
    ];
    return notes.length ? notes.join("; ") : null;
  },
};

function lycorisOptions(flags: NetworkFlags, table: BlockTable): LycorisOptions {
  const own = Object.keys(OPTIONS).filter((key) => !["dim", "alpha", "weight_decompose"].includes(key));
  const given = splitNetworkArgs(flags.args ?? [], "lycoris.kohya", [...SHARED, ...own, ...OF_THE_NETWORK]);
  const shared = Object.entries(given).filter(([key, value]) =>
    SHARED.includes(key) && !isZeroDropout(key, value)
  );
  const args = shared.map(([key, value]) => `${key}=${value}`);
  // nothing to repeat under --compat: LyCORIS reads its own arguments, dropout among them
  const options = loraOptions({ ...flags, args }, table, false, "lycoris.kohya", SHARED);
  const is = (key: string) => key in given && truth(key, given[key]);
  const bypass = is("bypass_mode");
  const layer = Object.entries(given).reduce(
    (sum, [key, text]) => OPTIONS[key] ? changed(sum, OPTIONS[key](key, text)) : sum,
    {
      algorithm: "lora",
      settings: { unit: 4, cut: true },
      constraint: 0,
      dora: false,
      rankStabilized: false,
    } as LycorisOptions["layer"],
  );
  check(options, layer, bypass);
  const { dim, alpha, rankDropout } = options, scale = is("rank_dropout_scale") ? "mean" : "none";
  return {
    ...options,
    ...{ kind: kindFor(layer), settings: layer.settings },
    // unlike networks.lora, convolutions are joined as everything is
    convDim: options.convDim ?? dim,
    convAlpha: "conv_alpha" in given ? options.convAlpha : alpha,
    dropout: null,
    rankDropout: null,
    rowDropout: rankDropout === null ? null : { p: rankDropout, scale },
    preset: presetNamed(given.preset ?? "full"),
    trainNorm: is("train_norm"),
    layer,
    given: { ...given, dropout: options.given.dropout },
  };
}

/** LyCORIS's configurations often write dropouts of 0. */
function isZeroDropout(key: string, value: string): boolean {
  return /dropout$/.test(key) && Number(value) === 0;
}

function check(
  { dropout, loraPlus }: LoraOptions,
  layer: LycorisOptions["layer"],
  bypass: boolean,
): void {
  if (bypass && dropout !== null && dropout > 0) {
    throw new UsageError(
      `dropout ${dropout} with bypass_mode is not supported; use rank_dropout or module_dropout`,
    );
  }
  if (Object.values(loraPlus).some((ratio) => ratio !== null) && !kindFor(layer).plus) {
    throw new UsageError(
      `--network_args loraplus_lr_ratio: algo=${layer.algorithm} has no LoRA+; leave it away`,
    );
  }
  if (layer.dora && bypass) {
    throw new UsageError("--network_args bypass_mode: has no DoRA; leave it or dora_wd away");
  }
}

function changed<T extends Partial<Layer>>(layer: T, more: Partial<Layer>): T {
  return { ...layer, ...more, settings: { ...layer.settings, ...more.settings } };
}

/** An option that is True or False and one of a kind's settings. */
function settings(name: string, of: (value: boolean) => KindSettings) {
  return { [name]: (key: string, text: string): Partial<Layer> => ({ settings: of(truth(key, text)) }) };
}

function algorithm(key: string, text: string): string {
  const name = text.trim().toLowerCase();
  if (Object.hasOwn(ALGORITHMS, name)) return name;
  throw new UsageError(
    `--network_args ${key}=${text}: there is no such algorithm; give one of ${
      Object.keys(ALGORITHMS).join(", ")
    }`,
  );
}

function lycorisModules(shapes: Shapes, family: Family, options: LycorisOptions): NetworkModule[] {
  const { preset, trainNorm } = options;
  const layers = { convolutions: true, whole: true, norms: trainNorm, linearProjection: false };
  const targets = loraTargets(shapes, family, layers);
  return targets.flatMap((target) => {
    const rule = ruleFor(preset, target);
    if (!rule) return [];
    if (target.shape.length === 1) return [loraModule(target, 1, floatAlpha(1), norm)];
    if (isLargeConvolution(target) && !preset.enableConv && !("dim" in rule)) return [];
    return moduleOf(target, ruled(options, target, rule));
  });
}

/** A layer's options: the network's, and those that the preset has for it. */
function ruled(options: LycorisOptions, target: Target, rule: Rule): Layer {
  const large = isLargeConvolution(target);
  const dim = large ? options.convDim! : options.dim, alpha = large ? options.convAlpha : options.alpha;
  return Object.entries(rule).reduce<Layer>((layer, [key, value]) => {
    const option = Object.hasOwn(OPTIONS, key) ? OPTIONS[key] : undefined;
    if (!option) {
      throw new UsageError(
        `the preset's ${key}: is no option of a layer; there are ${Object.keys(OPTIONS).join(", ")}`,
      );
    }
    return changed(layer, option(key, String(value)));
  }, { ...options.layer, dim, alpha });
}

/** The kind of an algorithm with what goes around it. */
function kindFor({ algorithm, settings, dora }: Pick<Layer, "algorithm" | "settings" | "dora">): NetworkKind {
  const plain = ALGORITHMS[algorithm];
  if (dora && !DECOMPOSED.includes(plain)) {
    throw new UsageError(
      `--network_args dora_wd: ${plain.name} has no DoRA; it goes with lora, loha and lokr`,
    );
  }
  if (settings.useScalar && !SCALED.includes(plain)) {
    throw new UsageError(
      `--network_args use_scalar: ${plain.name} has no scalar; it goes with lora, loha, lokr and glora`,
    );
  }
  const factored = settings.useScalar ? scalarOf(plain) : plain;
  return dora ? doraOf(factored) : factored;
}

function moduleOf(target: Target, layer: Layer): NetworkModule[] {
  const { dim, algorithm, settings, constraint, rankStabilized } = layer, plain = ALGORITHMS[algorithm];
  if (dim === 0) return [];
  // LyCORIS multiplies alpha by 1.0, whole or not, but for these two
  const own = plain === glora || plain === dylora ? layer.alpha : floatAlpha(layer.alpha.value);
  const alpha = plain.alphaLimits ? floatAlpha(constraint) : rankStabilized ? stabilized(layer) : own;
  return [loraModule(target, plain === full || plain === ia3 ? 1 : dim, alpha, kindFor(layer), settings)];
}

/** alpha * sqrt(rank), so that what programs divide by the rank is alpha / sqrt(rank). */
function stabilized({ alpha, dim }: Layer): Alpha {
  return floatAlpha((alpha.value === 0 ? dim : alpha.value) * Math.sqrt(dim));
}
