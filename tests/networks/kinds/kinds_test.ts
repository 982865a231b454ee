/** Every kind of network against its published formula in float64. */

import type { KindSettings, NetworkKind } from "../../../src/networks/kinds/kind.ts";
import { boft } from "../../../src/networks/kinds/rotations/boft.ts";
import { doraOf } from "../../../src/networks/kinds/dora.ts";
import { full } from "../../../src/networks/kinds/full.ts";
import { glora } from "../../../src/networks/kinds/glora.ts";
import { ia3 } from "../../../src/networks/kinds/ia3.ts";
import { loha } from "../../../src/networks/kinds/loha.ts";
import { lokr } from "../../../src/networks/kinds/lokr.ts";
import { scalarOf } from "../../../src/networks/kinds/scalar.ts";
import { dylora } from "../../../src/networks/kinds/dylora.ts";
import { lora } from "../../../src/networks/kinds/lora.ts";
import { loraFa } from "../../../src/networks/kinds/lora_fa.ts";
import { oftInputs, ROTATION } from "../../../src/networks/kinds/rotations/oft_inputs.ts";
import { oft } from "../../../src/networks/kinds/rotations/oft.ts";
import type { NetworkModule } from "../../../src/networks/mod.ts";
import { loraModule } from "../../../src/networks/sites/modules.ts";
import { floatAlpha } from "../../../src/networks/sites/values.ts";
import { checkKind, type KindCase, times } from "./check_kind.ts";
import {
  boftChange,
  doraChange,
  dyloraChange,
  gloraChange,
  ia3Change,
  lohaChange,
  lokrChange,
  loraChange,
  oftChange,
  tuckerChange,
  turnedInputs,
  within,
} from "./formulas.ts";

const LINEAR = [8, 6], WIDE = [12, 6], POINT = [8, 4, 1, 1], KERNEL = [8, 4, 3, 3];

function module(
  kind: NetworkKind,
  shape: readonly number[],
  rank: number,
  settings: KindSettings = {},
  name = "lora_unet_layer",
  alpha = 3,
): NetworkModule {
  return loraModule({ name, path: "layer", part: "unet", shape }, rank, floatAlpha(alpha), kind, settings);
}

const positive = { dora_scale: (i: number) => 1 + 0.1 * (i % 5) };
const dora = (kind: NetworkKind, change: KindCase["change"]) => ({
  change: doraChange(within(change, kind)),
  values: positive,
  tolerance: 3e-5,
});
/** R - I of inputs, as PEFT's files are read. */
function turning(shape: readonly number[], blocks: readonly number[]): NetworkModule {
  return { ...module(oftInputs, shape, blocks[1]), tensors: { [ROTATION]: blocks } };
}

/** By rank_dropout, before anything is made of the change. */
const ROWS = [1, 0, 1.5, 1, 0, 1, 0.5, 1];
const dropping = (change: KindCase["change"]): KindCase["change"] => (values, base, m) =>
  change(values, base, m).map((v, i) => v * ROWS[Math.floor(i * m.shape[0] / base.length)]);
const scaledChange = (change: KindCase["change"]): KindCase["change"] => (values, base, m) =>
  times(change(values, base, m), values.scalar[0]);
const loose = { tolerance: 3e-5 };
const UNET_NAME = "lora_unet_layer", TUCKER = { useTucker: true };

const CASES: Readonly<Record<string, KindCase>> = {
  "LoRA of a linear layer": { module: module(lora, LINEAR, 2), change: loraChange },
  "LoRA of a 1x1 convolution": { module: module(lora, POINT, 2), change: loraChange },
  "LoRA of a convolution with stride": { module: module(lora, KERNEL, 3), change: loraChange, stride: 2 },
  "LoRA with Tucker's core": { module: module(lora, KERNEL, 3, TUCKER), change: tuckerChange, stride: 2 },
  "LoRA-FA": { module: module(loraFa, KERNEL, 3), change: loraChange },
  "DyLoRA by units": { module: module(dylora, LINEAR, 4, { unit: 2 }), change: dyloraChange },
  "DyLoRA of a convolution": { module: module(dylora, KERNEL, 3, { unit: 1 }), change: dyloraChange },
  "OFT as sd-scripts has it": { module: module(oft, WIDE, 3, {}, "oft_unet_layer", 0.3), change: oftChange },
  "OFT within its constraint": {
    module: module(oft, WIDE, 3, {}, "oft_unet_layer", 0.05),
    change: oftChange,
  },
  "OFT of a convolution": { module: module(oft, KERNEL, 2, {}, "oft_unet_layer", 1), change: oftChange },
  "diag-oft without a constraint": { module: module(oft, WIDE, 4, {}, UNET_NAME, 0), change: oftChange },
  "diag-oft within its constraint": { module: module(oft, WIDE, 4, {}, UNET_NAME, 0.05), change: oftChange },
  "diag-oft rescaled": {
    module: module(oft, KERNEL, 4, { rescaled: true }, UNET_NAME, 0),
    change: (values, base, m) => {
      const width = base.length / m.shape[0], turned = oftChange(values, base, m);
      return base.map((w, i) => (w + turned[i]) * values.rescale[Math.floor(i / width)] - w);
    },
  },
  "BOFT": { module: module(boft, WIDE, 6, {}, UNET_NAME, 0), change: boftChange },
  "BOFT of more stages": {
    module: module(boft, [16, 5], 4, { rescaled: true }, UNET_NAME, 0),
    change: boftChange,
  },
  "BOFT of a convolution": {
    module: module(boft, KERNEL, 2, {}, UNET_NAME, 0),
    change: boftChange,
    ...loose,
  },
  "LoHa by factors": { module: module(loha, [24, 20], 2), change: lohaChange },
  "LoHa by the whole weight": { module: module(loha, LINEAR, 3), change: lohaChange },
  "LoHa of a convolution by factors": { module: module(loha, KERNEL, 2), change: lohaChange, stride: 2 },
  "LoHa of a convolution": { module: module(loha, KERNEL, 3), change: lohaChange },
  "LoHa with Tucker's cores": { module: module(loha, KERNEL, 2, TUCKER), change: lohaChange },
  "LoKr": { module: module(lokr, [12, 20], 1), change: lokrChange },
  "LoKr of a factor": { module: module(lokr, [12, 20], 2, { factor: 2 }), change: lokrChange },
  "LoKr of two products": { module: module(lokr, [64, 36], 1, { decomposeBoth: true }), change: lokrChange },
  "LoKr of whole matrices": { module: module(lokr, [12, 20], 2, { fullMatrix: true }), change: lokrChange },
  "LoKr unbalanced": {
    module: module(lokr, [12, 20], 1, { factor: 2, unbalanced: true }),
    change: lokrChange,
  },
  "LoKr of a 1x1 convolution": { module: module(lokr, POINT, 1, { factor: 2 }), change: lokrChange },
  "LoKr of a convolution": { module: module(lokr, KERNEL, 1, { factor: 2 }), change: lokrChange, stride: 2 },
  "LoKr of a convolution, whole": { module: module(lokr, KERNEL, 9), change: lokrChange },
  "LoKr with Tucker's core": {
    module: module(lokr, KERNEL, 1, { ...TUCKER, factor: 2 }),
    change: lokrChange,
  },
  "IA3 of outputs": { module: module(ia3, LINEAR, 1), change: ia3Change },
  "IA3 of inputs": { module: module(ia3, LINEAR, 1, { onInput: true }), change: ia3Change },
  "IA3 of a convolution's outputs": { module: module(ia3, KERNEL, 1), change: ia3Change, stride: 2 },
  "IA3 of a convolution's inputs": { module: module(ia3, KERNEL, 1, { onInput: true }), change: ia3Change },
  "GLoRA": { module: module(glora, LINEAR, 2), change: gloraChange },
  "GLoRA with Tucker's core": { module: module(glora, KERNEL, 3, TUCKER), change: gloraChange, stride: 2 },
  "GLoRA of a convolution": { module: module(glora, KERNEL, 2), change: gloraChange, stride: 2 },
  "a full difference": { module: module(full, LINEAR, 1), change: ({ diff }) => diff },
  "a full difference of a convolution": { module: module(full, KERNEL, 1), change: ({ diff }) => diff },
  "DoRA of a LoRA": { module: module(doraOf(lora), LINEAR, 2), ...dora(lora, loraChange) },
  "DoRA of a convolution": { module: module(doraOf(lora), KERNEL, 2), ...dora(lora, loraChange), stride: 2 },
  "DoRA of inputs": {
    module: module(doraOf(lora), LINEAR, 2, { onOutput: false }),
    ...dora(lora, loraChange),
  },
  "DoRA of a convolution's inputs": {
    module: module(doraOf(lora), KERNEL, 2, { onOutput: false }),
    ...dora(lora, loraChange),
  },
  "DoRA of a LoHa": { module: module(doraOf(loha), LINEAR, 3), ...dora(loha, lohaChange) },
  "DoRA of a LoKr": { module: module(doraOf(lokr), [12, 20], 1), ...dora(lokr, lokrChange) },
  "OFT of inputs": { module: turning(LINEAR, [2, 3, 3]), change: turnedInputs },
  "OFT of a 1x1 convolution's inputs": { module: turning(POINT, [2, 2, 2]), change: turnedInputs },
  "DoRA of a LoRA times a scalar": {
    module: module(doraOf(scalarOf(lora)), LINEAR, 2),
    ...dora(scalarOf(lora), scaledChange(loraChange)),
  },
  "DoRA of a LoRA with outputs dropped": {
    module: module(doraOf(lora), LINEAR, 2),
    ...dora(lora, dropping(loraChange)),
    rows: ROWS,
  },
  "DoRA of inputs with outputs dropped": {
    module: module(doraOf(loha), LINEAR, 3, { onOutput: false }),
    ...dora(loha, dropping(lohaChange)),
    rows: ROWS,
  },
  "DoRA of a LoKr with outputs dropped": {
    module: module(doraOf(lokr), [8, 20], 1),
    ...dora(lokr, dropping(lokrChange)),
    rows: ROWS,
  },
  "a LoHa with outputs dropped": {
    module: module(loha, LINEAR, 3),
    change: dropping(lohaChange),
    rows: ROWS,
  },
  "LoRA times a scalar": {
    module: module(scalarOf(lora), LINEAR, 2),
    change: scaledChange(loraChange),
  },
  "LoHa times a scalar": { module: module(scalarOf(loha), LINEAR, 3), change: scaledChange(lohaChange) },
  "LoKr times a scalar": { module: module(scalarOf(lokr), [12, 20], 1), change: scaledChange(lokrChange) },
  "DoRA of a LoKr times a scalar": {
    module: module(doraOf(scalarOf(lokr)), [12, 20], 1),
    ...dora(scalarOf(lokr), scaledChange(lokrChange)),
  },
  "GLoRA times a scalar": {
    module: module(scalarOf(glora), LINEAR, 2),
    change: scaledChange(gloraChange),
  },
};

for (const [name, it] of Object.entries(CASES)) Deno.test(`${name} is its formula`, () => checkKind(it));
