/** Training whole models: the changes of weights are compared, which are small beside the weights. */
import { below, UNET, unetKeys } from "../../../../src/models/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import { ParameterStore } from "../../../../src/runtime/mod.ts";
import type { TrainNetworkConfig } from "../../../../src/training/options.ts";
import { fullTraining } from "../../../../src/training/trained/full_training.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { synthTensor } from "../../synth.ts";
import { caseModel, type SynthModel, uploadSynth } from "../../synth_models.ts";
import { readTrainArgs } from "../../train_args.ts";
import { trainBatches } from "../../train_inputs.ts";
import { Recorder } from "./recorder.ts";

const TEXT = "cond_stage_model.transformer";

export async function full(c: GoldenCase, config: TrainNetworkConfig): Promise<Check[]> {
  const { json } = c, model = caseModel(json), trainTextEncoder: boolean = json.train_text_encoder;
  const rate = readTrainArgs(json.train_args).others.learning_rate_te;
  const learningRateTe = rate === undefined ? null : Number(rate);
  const device = goldenDevice(), store = new ParameterStore(device);
  const initial = (key: string) => synthTensor(key, model.shapes.get(key)!);
  try {
    if (!trainTextEncoder) uploadSynth(store, model.shapes, { wanted: (key) => key.startsWith(TEXT) });
    const { family } = model;
    const shapes = new Map([...model.shapes].filter(([key]) => !key.startsWith("first_stage_model")));
    const settings = { ...config, trainTextEncoder, learningRateTe, emaDecay: null };
    const training = fullTraining(store, { family, shapes }, settings, initial);
    const batches = trainBatches(json, family, model.latentScale, config.priorLossWeight);
    const generators = { torch: new TorchGenerator(json.seed), python: new PythonRandom(json.seed) };
    const record = new Recorder(c, training), ids: number[] = [];
    for (let k = 0; k < json.steps; k++) {
      const batch = batches(k);
      ids.push(...batch.model.input_ids as Int32Array);
      record.add(
        k,
        training.learningRates(training.step.state.optimizerSteps),
        await training.train(batch, generators),
      );
    }
    const weights = training.weights(), names = originalNames(model);
    const checks = record.checks(config, (name, wanted) => {
      const part = /^te\.token_embedding_rows_(used|unused_(\d+)_(\d+))$/.exec(name);
      const key = part ? `${TEXT}.text_model.embeddings.token_embedding.weight` : names(name);
      const width = model.shapes.get(key)!.at(-1)!;
      // rows that were used: those of the first caption, in its order
      const rows = !part
        ? null
        : part[2]
        ? range(Number(part[2]), Number(part[3]))
        : ids.slice(0, wanted.length / width);
      const pick = (values: Float32Array) =>
        rows ? rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]) : values;
      const before = pick(initial(key)), after = pick(weights.get(key)!);
      const change = (values: ArrayLike<number>) => Float64Array.from(values, (v, i) => v - before[i]);
      return close(`change of ${name}`, change(after), change(wanted), json.tolerance.update_rel_l2);
    });
    training.destroy();
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** From the cases' names (te. and unet. before diffusers') to the checkpoint's keys. */
function originalNames({ shapes }: SynthModel): (name: string) => string {
  const rows = unetKeys(below(shapes, `${UNET}.`), { linearProjection: false });
  const unet = new Map(rows.map(({ original, other }) => [`unet.${other}`, `${UNET}.${original}`]));
  return (name) => unet.get(name) ?? name.replace(/^te\./, `${TEXT}.`);
}
