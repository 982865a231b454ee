import { ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { compatOptions } from "../../../src/options/shared.ts";
import { mergeLora } from "../../../src/tools/network/merge_lora.ts";
import { mergeLoraOptions } from "../../../src/tools/network/options.ts";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { openBaseNetworks } from "../../../src/training/trained/base_networks.ts";
import { relL2 } from "../../golden/compare.ts";
import { listening, lossesOf, TINY, tinyRun, writeTinyLora } from "../tiny_run.ts";

/** Losses and the LoRA's values. */
async function train(config: TrainNetworkConfig) {
  const context = listening();
  await trainNetwork({ ...config, savePrecision: "float" }, context);
  using file = openSafetensors(join(config.outputDir, "thing.safetensors"));
  const weights = file.keys().filter((key) => !key.endsWith("alpha")).flatMap((key) => [...file.f32(key)]);
  return { losses: lossesOf(context), weights, lines: context.lines.join("\n") };
}

Deno.test("--base_weights trains as on the model that merge_lora makes, in float32 and rounded to 16 bits", async () => {
  const { dir, config } = tinyRun();
  const baseWeights = ["a", "b"].map((name) => join(dir, `${name}.safetensors`));
  baseWeights.forEach((path, i) => writeTinyLora(path, `base ${i}`, 2 + i));
  const merged = join(dir, "merged.safetensors");
  await mergeLora({
    ...withDefaults([compatOptions, mergeLoraOptions], {
      ...{ sdModel: config.pretrainedModelNameOrPath, models: baseWeights, ratios: [-4, 1], saveTo: merged },
      ...{ device: "cpu", threads: 1, noMetadata: true },
    }),
  }, quietContext());
  const plain = await train(config);
  for (const [mixedPrecision, limit] of [["no", 1e-4], ["bf16", 1e-2]] as const) {
    const wanted = await train({ ...config, mixedPrecision, pretrainedModelNameOrPath: merged });
    const got = await train({ ...config, mixedPrecision, baseWeights, baseWeightsMultiplier: [-4] });
    got.losses.forEach((loss, i) =>
      ok(Math.abs(loss / wanted.losses[i] - 1) < limit, `${loss} in step ${i}`)
    );
    ok(relL2(got.weights, wanted.weights) < limit, `weights differ by ${relL2(got.weights, wanted.weights)}`);
    ok(got.lines.includes(`merging ${baseWeights[0]} into the model, times -4`));
    ok(got.lines.includes(`merging ${baseWeights[1]} into the model, times 1`));
    ok(relL2(plain.weights, wanted.weights) > 0.3, "the model without them is another one");
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--base_weights that do not fit the model end the run before anything is written", async () => {
  const { dir, config } = tinyRun();
  const wrong = join(dir, "model.safetensors");
  await rejects(trainNetwork({ ...config, baseWeights: [wrong] }, listening()), /model\.safetensors: /);
  strictEqual([...Deno.readDirSync(join(dir, "out"))].length, 0);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("Ctrl-C while --base_weights are merged ends the run", async () => {
  const { dir, config } = tinyRun();
  const base = join(dir, "a.safetensors");
  writeTinyLora(base, "base", 2);
  const abort = new AbortController(), context = listening(abort.signal);
  const stopping = {
    ...context,
    progress: (e: { task: string; step: number }) =>
      void (e.task === "merging" && e.step === 3 && abort.abort(new Error("stopped"))),
  };
  await rejects(trainNetwork({ ...config, baseWeights: [base] }, stopping), /stopped/);
  strictEqual([...Deno.readDirSync(join(dir, "out"))].length, 0);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--compat takes no more of a networks.oft file than sd-scripts, as base and with --dim_from_weights", async () => {
  const { dir, config } = tinyRun(1), conv = join(dir, "out/conv.safetensors");
  const oft = {
    ...config,
    networkModule: "networks.oft",
    networkDim: 4,
    networkAlpha: 1e-2,
    maxTrainSteps: 1,
  };
  const args = ["enable_all_linear=True", "enable_conv=True"];
  await trainNetwork({ ...oft, networkArgs: args, outputName: "conv" }, quietContext());
  for (const compat of [null, "0.9.1"] as const) {
    await trainNetwork({ ...oft, compat, networkWeights: conv, dimFromWeights: true }, quietContext());
    using trained = openSafetensors(join(dir, "out/thing.safetensors"));
    const base = openBaseNetworks(
      { compat, baseWeights: [conv], baseWeightsMultiplier: null },
      TINY,
      () => {},
    );
    for (const names of [trained.keys(), base[0].lora.modules.map(({ name }) => name)]) {
      strictEqual(names.some((name) => name.includes("resnets")), compat === null);
      ok(names.some((name) => name.includes("_ff_net_")));
    }
  }
  Deno.removeSync(dir, { recursive: true });
});
