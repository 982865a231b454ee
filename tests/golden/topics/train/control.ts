/** Training ControlNets: losses, norms, final weights, and the names, dtypes and metadata of the file. */
import { join } from "node:path";
import { openCheckpoint } from "../../../../src/formats/mod.ts";
import {
  controlPlaces,
  controlShapes,
  rename,
  reversed,
  saveControlNet,
  UNET,
} from "../../../../src/models/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../../src/random/mod.ts";
import { ParameterStore } from "../../../../src/runtime/mod.ts";
import {
  controlTraining,
  repeatedFlaw,
  trainedControl,
} from "../../../../src/training/trained/controlnet/control_training.ts";
import {
  type ConditionedConfig,
  withoutUnread,
} from "../../../../src/training/trained/controlnet/settled.ts";
import { CONDITIONING } from "../../../../src/training/objective/examples.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact, sample } from "../../compare.ts";
import { goldenDevice } from "../../device.ts";
import { toChannelsLast } from "../../layout.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, uploadSynth } from "../../synth_models.ts";
import { readTrainArgs } from "../../train_args.ts";
import { trainBatches } from "../../train_inputs.ts";
import { Recorder } from "./recorder.ts";

const OWN = /^(zero_convs|middle_block_out|input_hint_block)\./;
const ZERO = /^(zero_convs|middle_block_out|input_hint_block\.14)\./;

export async function controlTrained(c: GoldenCase): Promise<Check[]> {
  const { json } = c, model = caseModel(json), { family } = model;
  const { config: read, others } = readTrainArgs(json.train_args);
  const controlNetLr = others.control_net_lr === undefined ? undefined : Number(others.control_net_lr);
  const given = { ...read, controlnetModelNameOrPath: null, controlNetLr } as ConditionedConfig;
  const config = withoutUnread(given, family, () => {});
  const shapes = controlShapes(model.shapes), isNew = /from_unet/.test(json.initial_weights);
  const sdxl = family.control.diffusersNames;
  const places = controlPlaces({ levels: sdxl ? 3 : 4, resBlocks: 2 }), toDiffusers = new Map(places);
  const first = (name: string, shape: readonly number[]): Float32Array => {
    if (isNew && !OWN.test(name)) return synthTensor(`${UNET}.${name}`, shape);
    if (isNew && ZERO.test(name)) return new Float32Array(shape.reduce((a, b) => a * b));
    return synthTensor(sdxl ? `controlnet.${rename(name, toDiffusers)}` : `control_model.${name}`, shape);
  };
  const net = {
    shapes,
    first: (name: string) => first(name, shapes.get(name)!),
    isNew,
  };
  const device = goldenDevice(), store = new ParameterStore(device);
  try {
    uploadSynth(store, model.shapes, { wanted: (key) => !key.startsWith("first_stage_model") });
    const training = controlTraining(store, model, net, config);
    const batches = await trainBatches(json, family, model.latentScale, config.priorLossWeight);
    const generators = { torch: new TorchGenerator(json.seed), python: new PythonRandom(json.seed) };
    const record = new Recorder(c, training), signed = repeatedFlaw(model, config) === "skip";
    for (let k = 0; k < json.steps; k++) {
      const batch = batches(k), rates = training.learningRates(training.step.state.optimizerSteps);
      const inputs = { ...batch.model, [CONDITIONING]: pictures(json, k, signed) };
      record.add(k, rates, await training.train({ ...batch, model: inputs }, generators));
    }
    const now = trainedControl(training, net), toOriginal = reversed(places);
    const original = (name: string) => name.startsWith("controlnet_") ? rename(name, toOriginal) : name;
    const checks = record.checks(config, (name, wanted) => {
      const whole = name.replace(/_sample$/, ""), values = now(original(whole));
      const limit = Math.max(1e-4, 10 * (json.sensitivity.final[whole] ?? 0));
      return close(`final ${name}`, whole === name ? values : sample(values, wanted.length), wanted, limit);
    });
    const norms: [string, number][] = Object.entries(json.expected.final_l2);
    const l2 = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
    checks.push(
      close("final norms", norms.map(([name]) => l2(now(original(name)))), norms.map(([, norm]) => norm)),
      ...saved(c, config, { shapes, values: now, diffusersNames: sdxl }),
    );
    training.destroy();
    return checks;
  } finally {
    store.destroy();
    device.close();
  }
}

/** "conditioning_images of item i = uniform('P.cond.i') [3,128,128]", two items a step. */
// deno-lint-ignore no-explicit-any -- the case as it is
function pictures(json: any, k: number, signed: boolean): Float32Array {
  const [, c, h, w] = /conditioning_images[^[]*\[(\d+),(\d+),(\d+)\]/.exec(json.inputs)!.map(Number);
  const items = Number(/(\d+) items/.exec(json.inputs)![1]), chosen = [2 * k % items, (2 * k + 1) % items];
  const all = Float32Array.from(
    chosen.flatMap((item) => [...uniform(`${json.input_prefix}.cond.${item}`, c * h * w)]),
  );
  const values = toChannelsLast(all, [chosen.length, c, h, w]);
  return signed ? values : values.map((x) => Math.fround(x + 1) / 2);
}

const DTYPES: Readonly<Record<string, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

interface Trained {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly values: (name: string) => Float32Array;
  readonly diffusersNames: boolean;
}

function saved(
  { json }: GoldenCase,
  config: ConditionedConfig,
  { shapes, values, diffusersNames }: Trained,
): Check[] {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" }), path = join(folder, "m.safetensors");
  try {
    saveControlNet(path, shapes, values, { diffusersNames, precision: config.savePrecision, metadata: {} });
    using file = openCheckpoint(path);
    const rows = file.keys().toSorted().map((
      key,
    ) => [key, DTYPES[file.info(key).dtype], file.info(key).shape]);
    const wanted = json.saved_file.keys ?? json.saved_file.first_keys;
    return [
      exact("saved tensors", rows.length, json.saved_file.count ?? wanted.length),
      exact("saved names, dtypes and shapes", rows.slice(0, wanted.length), wanted),
    ];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
