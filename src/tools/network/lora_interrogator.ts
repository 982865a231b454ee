/** `easel lora_interrogator`: the tokens that a LoRA's text encoder reads differently (sd-scripts' script of that name). */

import { modelPath } from "../../base/assets.ts";
import { UserError } from "../../base/errors.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import { compile, Graph } from "../../graph/mod.ts";
import { checkFlags, loadMissing, openModel, textStates, Weights } from "../../models/mod.ts";
import { type LoadedLora, loadLora, loraAdapter, tensorShapes } from "../../networks/mod.ts";
import { openChosenDevice, ParameterStore } from "../../runtime/mod.ts";
import { BOS, EOS, tokenText, vocabularyTexts } from "../../text/mod.ts";
import type { InterrogateConfig } from "./options.ts";

export interface ChangedToken {
  readonly id: number;
  /** As a prompt has it, with the space that ends a word. */
  readonly text: string;
  /** Mean difference of the states of begin, token and end, over all text encoders. */
  readonly difference: number;
}

/** Every token, the most changed first. Throws UserError for a LoRA without text encoder modules. */
export async function interrogate(config: InterrogateConfig, context: JobContext): Promise<ChangedToken[]> {
  const model = openModel(modelPath(config.sdModel));
  try {
    checkFlags(model.family, { v2: config.v2 }, model.path);
    const lora = textLora(config.model, model, context);
    const device = openChosenDevice(config.device, config, context.log);
    const store = new ParameterStore(device);
    try {
      for (const module of lora.modules) {
        for (const [key, shape] of tensorShapes([module])) {
          store.upload(key, shape, "f32", lora.weights.get(key)!);
        }
      }
      return await compareAll(config, { model, lora, store }, context);
    } finally {
      store.destroy();
      device.close();
    }
  } finally {
    model.close();
  }
}

type Model = ReturnType<typeof openModel>;

function textLora(path: string, model: Model, { warn }: Pick<JobContext, "warn">): LoadedLora {
  using file = openCheckpoint(path);
  const lora = loadLora(file, model.shapes, model.family, warn);
  const modules = lora.modules.filter(({ part }) => part !== "unet");
  if (modules.length === 0) {
    throw new UserError(`${path}: has no modules for a text encoder, so no token is read differently`);
  }
  return { ...lora, modules };
}

async function compareAll(
  { batchSize, clipSkip }: InterrogateConfig,
  { model, lora, store }: { model: Model; lora: LoadedLora; store: ParameterStore },
  context: JobContext,
): Promise<ChangedToken[]> {
  const graph = new Graph(), { family, shapes, path: source } = model;
  const ids = graph.input("ids", [batchSize, 3], "i32");
  const layer = clipSkip ?? 1;
  for (const adapter of [undefined, loraAdapter(lora.modules)]) {
    const w = Weights.over(graph, shapes, { source, adapter });
    family.textEncoders.forEach((encoder, i) => {
      graph.output(`${adapter ? "with" : "without"}.${i}`, textStates(encoder, ids, w).normed(layer));
    });
  }
  await loadMissing(graph, store, model);
  const program = await compile(graph, store);
  try {
    const { tokens } = await vocabularyTexts(), changed: ChangedToken[] = [];
    for (let first = 0; first < tokens.length; first += batchSize) {
      await hearSignals(context);
      const rows = Array.from(
        { length: batchSize },
        (_, i) => [BOS, Math.min(first + i, tokens.length - 1), EOS],
      );
      const states = await program.run({ ids: Int32Array.from(rows.flat()) });
      const count = Math.min(batchSize, tokens.length - first);
      for (let i = 0; i < count; i++) {
        const parts = family.textEncoders.map((_, k) =>
          meanDifference(states[`without.${k}`], states[`with.${k}`], i, batchSize)
        );
        const difference = parts.reduce((sum, part) => sum + part) / parts.length;
        changed.push({ id: first + i, text: tokenText(tokens[first + i]), difference });
      }
      context.progress({ task: "reading tokens", step: first + count, total: tokens.length });
    }
    return changed.sort((a, b) => b.difference - a.difference);
  } finally {
    program.destroy();
  }
}

function meanDifference(a: Float32Array, b: Float32Array, row: number, rows: number): number {
  const size = a.length / rows;
  let sum = 0;
  for (let i = row * size; i < (row + 1) * size; i++) sum += Math.abs(a[i] - b[i]);
  return sum / size;
}
