/** Training vectors of new tokens, for all of the U-Net or for each of its blocks. */
import { tokenTables } from "../../../../src/models/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import { ParameterStore } from "../../../../src/runtime/mod.ts";
import type { TrainNetworkConfig } from "../../../../src/training/options.ts";
import { textBlocks } from "../../../../src/models/mod.ts";
import {
  embeddingTraining,
  trainedVectors,
} from "../../../../src/training/trained/textual_inversion/embedding_training.ts";
import { vectorsOfWords } from "../../../../src/training/trained/textual_inversion/first_vectors.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, uploadSynth } from "../../synth_models.ts";
import { readTrainArgs } from "../../train_args.ts";
import { trainBatches } from "../../train_inputs.ts";
import { Recorder } from "./recorder.ts";

const LENGTH = 77;

export async function inversion(c: GoldenCase, config: TrainNetworkConfig): Promise<Check[]> {
  const { json } = c, model = caseModel(json), { family } = model;
  const { others } = readTrainArgs(json.train_args);
  const vectors: number = json.new_token_ids?.length ?? Number(others.num_vectors_per_token);
  const blocks: string[] | null = json.layers ?? null, count = vectors * (blocks?.length ?? 1);
  const device = goldenDevice(), store = new ParameterStore(device);
  const old = (key: string) => synthTensor(key, model.shapes.get(key)!);
  try {
    const tables = tokenTables(family, model.shapes), keys = new Set(tables.map(({ key }) => key));
    const shapes = new Map([...model.shapes].filter(([key]) => !key.startsWith("first_stage_model")));
    uploadSynth(store, shapes, { wanted: (key) => !keys.has(key) });
    const news = tables.map((table, i) => {
      const ids: number[] = tables.length > 1 ? json.init_word_ids[i] : json.init_word_ids;
      const given = /--weights file with .*input\.(\w+)\.KEY/.exec(json.weights ?? "")?.[1];
      const values = given
        ? Float32Array.from(uniform(`input.${given}.${["clip_l", "clip_g"][i]}`, count * table.width, 0.05))
        : vectorsOfWords(old(table.key), table, ids, { vectors, blocks: blocks?.length ?? 1, compat: true });
      return { table, values, count };
    });
    const training = embeddingTraining(store, { family, shapes }, news, config, {
      blocks: blocks && blocks.map((name) => textBlocks(shapes).find((known) => known.name === name)!.block),
      wholeTable: old,
    });
    // the new ids stand in place of words, or between them
    const inserted = /inserted before index 2/.test(json.inputs), first = tables[0].vocabulary;
    const batches = await trainBatches(
      json,
      family,
      model.latentScale,
      config.priorLossWeight,
      (ids) =>
        (blocks ?? [""]).map((_, block) => {
          const own = Array.from({ length: vectors }, (_, j) => first + block * vectors + j);
          return [...ids.slice(0, 2), ...own, ...ids.slice(inserted ? 2 : 2 + vectors)].slice(0, LENGTH);
        }),
    );
    const generators = { torch: new TorchGenerator(json.seed), python: new PythonRandom(json.seed) };
    const record = new Recorder(c, training), after: number[] = [];
    for (let k = 0; k < json.steps; k++) {
      const rates = training.learningRates(training.step.state.optimizerSteps);
      record.add(k, rates, await training.train(batches(k), generators));
      after.push(...trainedVectors(training, news)[0]);
    }
    const now = trainedVectors(training, news), { tolerance } = json, tensors = c.tensors();
    const checks = record.checks(
      config,
      (name, wanted) =>
        close(`final ${name}`, now[name === "clip_g" ? 1 : 0], wanted, tolerance.final_rel_l2),
    );
    if (tensors.has("final")) {
      checks.push(close("final", now[0], tensors.f32("final"), tolerance.final_rel_l2));
    }
    if (tensors.has("embeddings_after_each_step")) {
      const wanted = tensors.f32("embeddings_after_each_step");
      checks.push(close("vectors after each step", after, wanted, tolerance.embedding_rel_l2));
    }
    for (const { table: { key } } of news) {
      const values = store.download(key).subarray(0, old(key).length);
      checks.push(close(`the old rows of ${key}`, values, old(key), 0));
    }
    training.destroy();
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}
