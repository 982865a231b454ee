/** Text encoders: captions as training encodes them, prompts as generation does, weighted captions. */

import { compile, Graph, slice } from "../../../src/graph/mod.ts";
import {
  CHUNK,
  type Conditioning,
  eosRows,
  type Normalization,
  type TextInputs,
  type TextOptions,
  Weights,
} from "../../../src/models/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import {
  captionChunks,
  chunksNeeded,
  type ClipTokenizer,
  cutWeighted,
  loadTokenizer,
  padWeighted,
  weightedTokens,
} from "../../../src/text/mod.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { goldenDevice } from "../device.ts";
import { close, exact } from "../compare.ts";
import { caseModel, type SynthModel, uploadSynth } from "../synth_models.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "clip") return null;
  const first = c.json.runs[0];
  if ("max_token_length" in first) return () => withModel(c, training);
  if ("max_embeddings_multiples" in first) return () => withModel(c, weightedCaptions);
  if ("negative_prompt" in first) return () => withModel(c, prompts);
  return `no rule for a clip case whose runs have ${Object.keys(first).join(", ")}`;
}

/** What a case's runs need: the model on a device, its tokenizers, and a way to evaluate conditionings. */
interface Bench {
  model: SynthModel;
  tokenizers: ClipTokenizer[];
  encode(
    chunks: number[][][],
    build: (inputs: TextInputs, w: Weights, g: Graph) => Conditioning,
    weights?: number[][],
  ): Promise<Record<string, Float32Array>>;
}

async function withModel(c: GoldenCase, body: (c: GoldenCase, bench: Bench) => Promise<Check[]>) {
  const model = caseModel(c.json);
  const tokenizers = await Promise.all(model.family.textEncoders.map((e) => loadTokenizer(e.tokenizer)));
  const device = goldenDevice();
  const store = new ParameterStore(device);
  try {
    const text = /^(cond_stage_model|conditioner)\./;
    uploadSynth(store, model.shapes, { wanted: (key) => text.test(key) });
    return await body(c, { model, tokenizers, encode: encoder(model, store) });
  } finally {
    store.destroy();
    device.close();
  }
}

/** chunks[encoder] is a list of rows of 77 ids, the rows of one caption one after the other. */
function encoder(model: SynthModel, store: ParameterStore): Bench["encode"] {
  return async (chunks, build) => {
    const g = new Graph(), values: Record<string, Int32Array> = {};
    const put = (name: string, data: Int32Array, shape: number[]) => {
      values[name] = data;
      return g.input(name, shape, "i32");
    };
    const rows = chunks[0].length;
    const ids = chunks.map((list, i) => put(`ids${i + 1}`, Int32Array.from(list.flat()), [rows, CHUNK]));
    const inputs: TextInputs = { ids, chunks: 1 };
    if (chunks[1]) inputs.eosRows = put("eos", eosRows(chunks[1].flat(), CHUNK), [rows]);
    const { context, pooled } = build(inputs, Weights.over(g, model.shapes), g);
    let start = 0;
    model.family.textEncoders.forEach(({ scope }, i) => {
      const width = widthOf(model, scope);
      g.output(`hidden${i + 1}`, width === context.shape[2] ? context : slice(context, 2, start, width));
      start += width;
    });
    if (pooled) g.output("pool", pooled);
    const program = await compile(g, store);
    try {
      return await program.run(values);
    } finally {
      program.destroy();
    }
  };
}

function widthOf({ shapes }: SynthModel, scope: string): number {
  const table = shapes.get(`${scope}.embeddings.token_embedding.weight`) ??
    shapes.get(`${scope}.token_embedding.weight`);
  return table![1];
}

async function training(c: GoldenCase, { model, tokenizers, encode }: Bench): Promise<Check[]> {
  const checks: Check[] = [];
  for (const run of c.json.runs) {
    const length: number | null = run.max_token_length;
    const captions = tokenizers.map((t) =>
      c.json.prompts.map((prompt: string) => captionChunks(t, prompt, length))
    );
    [run.input_ids1 ?? run.input_ids, run.input_ids2].forEach((ids, i) => {
      if (ids) checks.push(exact(`ids of encoder ${i + 1}, max_token_length ${length}`, captions[i], ids));
    });
    const build = (options: TextOptions) => (inputs: TextInputs, w: Weights) =>
      model.family.text.captions(
        { ...inputs, chunks: captions[0][0].length },
        w,
        { ...options, clipSkip: run.clip_skip },
      );
    const chunks = captions.map((list) => list.flat());
    const result = await encode(chunks, build({}));
    if (!model.family.text.pooled) {
      checks.push(...near(c, run.tensor, result.hidden1));
      continue;
    }
    const name = `mtl${length ?? "None"}`;
    for (const part of ["hidden1", "hidden2", "pool"]) {
      checks.push(...near(c, `${name}_${part}`, result[part]));
    }
    const other = await encode(chunks, build({ projection: "open_clip" }));
    checks.push(...near(c, `${name}_pool_open_clip_orientation`, other.pool));
  }
  return checks;
}

async function prompts(c: GoldenCase, { model, tokenizers, encode }: Bench): Promise<Check[]> {
  const checks: Check[] = [];
  for (const run of c.json.runs) {
    // Prompt and negative prompt are padded to the same number of chunks.
    const parsed = tokenizers.map((t) =>
      [run.prompt, run.negative_prompt].map((text: string) =>
        weightedTokens(t, text, 225, { knowsBreak: true })
      )
    );
    for (const [row, name] of ["cond", "uncond"].entries()) {
      const padded = parsed.map((both, i) => padWeighted(tokenizers[i], both[row], chunksNeeded(both, 3)));
      if (row === 0) {
        padded.forEach(({ ids }, i) => {
          const wanted = run[`tokens_te${i + 1}`];
          if (wanted) checks.push(exact(`${run.index} ids of encoder ${i + 1}`, [ids], wanted));
        });
      }
      const chunks = padded.map(({ ids }, i) => cutWeighted(tokenizers[i], ids));
      const result = await encode(
        chunks,
        (inputs, w, g) =>
          model.family.text.prompts(
            {
              ...inputs,
              chunks: chunks[0].length,
              weights: padded.map(({ weights }) =>
                g.constant(Float32Array.from(weights), [1, weights.length])
              ),
            },
            w,
            { clipSkip: run.clip_skip, normalization: run.emb_normalize_mode as Normalization },
          ),
      );
      tokenizers.forEach((_, i) => {
        checks.push(...near(c, `${run.index}_te${i + 1}_${name}`, result[`hidden${i + 1}`]));
      });
      if (result.pool) checks.push(...near(c, `${run.index}_pool_${name}`, result.pool));
    }
  }
  return checks;
}

async function weightedCaptions(c: GoldenCase, { model, tokenizers, encode }: Bench): Promise<Check[]> {
  const [tokenizer] = tokenizers, checks: Check[] = [];
  for (const run of c.json.runs) {
    const limit: number = run.max_embeddings_multiples;
    const parsed = c.json.prompts.map((text: string) =>
      weightedTokens(tokenizer, text, 75 * limit, { knowsBreak: false })
    );
    const count = chunksNeeded(parsed, limit);
    // deno-lint-ignore no-explicit-any -- rows of the case
    const padded = parsed.map((p: any) => padWeighted(tokenizer, p, count, true));
    const chunks = padded.flatMap(({ ids }: { ids: number[] }) => cutWeighted(tokenizer, ids));
    const weights: number[][] = padded.map((p: { weights: number[] }) => p.weights);
    const result = await encode([chunks], (inputs, w, g) =>
      model.family.text.prompts(
        {
          ...inputs,
          chunks: count,
          weights: [g.constant(Float32Array.from(weights.flat()), [weights.length, weights[0].length])],
        },
        w,
        { clipSkip: run.clip_skip ?? 1 },
      ));
    checks.push(...near(c, run.tensor, result.hidden1));
  }
  return checks;
}

/** Relative l2, and each value within abs + rel * |expected|. */
function near(c: GoldenCase, name: string, got: Float32Array): Check[] {
  const expected = c.tensors().f32(name), { abs, rel } = c.json.tolerance;
  const worst = got.length !== expected.length ? NaN : got.reduce(
    (m, v, i) => Math.max(m, Math.abs(v - expected[i]) / (abs + rel * Math.abs(expected[i]))),
    0,
  );
  return [close(name, got, expected, rel), { what: `${name}, by value`, error: worst, limit: 1 }];
}
