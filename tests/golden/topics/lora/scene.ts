/** What cases of networks run: text encoders and U-Net of a tiny model on the inputs that the case describes. */

import type { Graph, Tensor } from "../../../../src/graph/mod.ts";
import { type Adapter, eosRows, textStates, UNET, Weights } from "../../../../src/models/mod.ts";
import type { Values } from "../../../../src/runtime/mod.ts";
import { toChannelsLast, uniformName } from "../../layout.ts";
import { uniform } from "../../synth.ts";
import { caseModel, type SynthModel } from "../../synth_models.ts";

// deno-lint-ignore no-explicit-any -- configurations as the cases spell them
type Json = any;

/** The model that `what` names, with the case's own sizes where it tells them. */
export function sceneModel({ what, model: own }: Json): SynthModel {
  return caseModel(namedModel(/\b(sd\w+-tiny)\b/.exec(what)![1], own));
}

function namedModel(name: string, own: Json): Json {
  if (!own || typeof own === "string") return { model: name };
  if (!own.text1) return { model: name, config: own };
  const unet = { ...own, num_head_channels: own.head_dim, middle_depth: own.depth_middle };
  const { text2 } = own;
  return {
    model: name,
    config: {
      unet,
      clip_l: own.text1,
      clip_g: {
        ...text2,
        mlp: text2.intermediate,
        text_projection: [text2.width ?? text2.hidden, text2.projection],
      },
    },
  };
}

/** The sizes in brackets at the end of a formula. */
function lastList(text: string): number[] {
  return JSON.parse(/\[[\d, ]+\]\s*$/.exec(text)![0]);
}

/** token_ids(name, rows), padded with the end token to 77. */
export function tokenRows([, name, rows]: RegExpExecArray): number[][] {
  return Array.from({ length: Number(rows) }, (_, b) => {
    const count = 6 + Math.floor((uniform(`${name}.${b}`, 1)[0] + 1) / 2 * 12);
    const words = [...uniform(`${name}.${b}`, count + 1)].slice(1).map((u) =>
      300 + Math.floor((u + 1) / 2 * 40000)
    );
    return [49406, ...words, ...new Array(77 - 1 - count).fill(49407)];
  });
}

function padZero(row: readonly number[]): number[] {
  const end = row.indexOf(49407);
  return row.map((id, i) => i > end ? 0 : id);
}

export interface Scene {
  readonly model: SynthModel;
  readonly inputs: Readonly<Record<string, Values>>;
  /** Of the latents: (N, C, H, W). */
  readonly shape: readonly number[];
  readonly adapter?: Adapter;
}

/** Latents, timesteps and token ids, for SDXL also the U-Net's context and vector, which are the case's own. */
export function sceneInputs(
  inputs: Json,
  { family }: SynthModel,
  shape: readonly number[],
): Record<string, Values> {
  const size = (of: readonly number[]) => of.reduce((a, d) => a * d, 1);
  const rows: number[][] = inputs.ids_rows ??
    tokenRows(/token_ids\('([^']+)',\s*(\d+)\)/.exec(inputs.ids1 ?? inputs.ids)!);
  const values: Record<string, Values> = {
    x: toChannelsLast(uniform(uniformName(inputs.x), size(shape), Math.sqrt(3)), shape),
    t: Float32Array.from(inputs.t),
    ids0: Int32Array.from(rows.flat()),
  };
  if (!family.sizes) return values;
  const ids1 = Int32Array.from(rows.flatMap(padZero));
  return {
    ...values,
    ids1,
    rows: eosRows(ids1, rows[0].length),
    context: uniform(uniformName(inputs.context), size(lastList(inputs.context))),
    vector: uniform(uniformName(inputs.y), size(lastList(inputs.y))),
  };
}

/** Context (for SDXL the encoders' states) and prediction. */
export function recordScene(g: Graph, { model, inputs, shape, adapter }: Scene): void {
  const w = Weights.over(g, model.shapes, { adapter });
  const [n, channels, height, width] = shape;
  const ids = g.input("ids0", [n, inputs.ids0.length / n], "i32");
  let context, vector;
  const states = (i: number, ids: Tensor) => textStates(model.family.textEncoders[i], ids, w);
  if (model.family.sizes) {
    const second = states(1, g.input("ids1", ids.shape, "i32"));
    g.output("te1_hidden", states(0, ids).hidden(-2));
    g.output("te2_hidden", second.hidden(-2));
    g.output("te2_pool", second.pooled(g.input("rows", [n], "i32")));
    const columns = w.shape(`${UNET}.middle_block.1.transformer_blocks.0.attn2.to_k.weight`)[1];
    context = g.input("context", [n, inputs.context.length / n / columns, columns]);
    vector = g.input("vector", [n, inputs.vector.length / n]);
  } else {
    context = states(0, ids).normed(1);
    g.output("context", context);
  }
  const x = g.input("x", [n, height, width, channels]);
  g.output("out", model.family.denoise(x, g.input("t", [n]), { context, vector }, w));
}
