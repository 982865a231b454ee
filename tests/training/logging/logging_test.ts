/** --logging_dir with --log_config and --log_tracker_config: the files that a TensorBoard shows. */

import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { basename, join } from "node:path";
import { trainNetworkJob } from "../../../src/training/jobs/train_network_job.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { readScalars } from "../../../src/formats/mod.ts";
import { type Tracker, TrainingLog } from "../../../src/training/logging/training_log.ts";
import { listening, tinyRun } from "../tiny_run.ts";

/** Files below, by their path from `dir`. */
function filesBelow(dir: string, below = ""): string[] {
  return [...Deno.readDirSync(join(dir, below))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(dir, join(below, name)) : [join(below, name)]
  );
}

Deno.test("--log_config shows the options without secrets and paths; a tracker's config names the files", async () => {
  const { dir, config } = tinyRun(1), loggingDir = join(dir, "logs"), logTrackerConfig = join(dir, "t.toml");
  Deno.writeTextFileSync(logTrackerConfig, '[tensorboard]\nfilename_suffix = ".cat"\n[wandb]\nname = "x"\n');
  const context = listening();
  const given = { loggingDir, logTrackerConfig, logConfig: true, logPrefix: "p", logTrackerName: "mine" };
  const more = {
    optimizerArgs: ["weight_decay=0.1"],
    huggingfaceToken: "hf_secret",
    lrWarmupSteps: { ratio: 0.5 },
  };
  await trainNetwork({ ...config, ...given, ...more, maxTrainSteps: 1 }, context);
  match(context.lines.join("\n"), /t\.toml: wandb is for other trackers and has no effect/);
  const files = filesBelow(loggingDir), numbers = files.filter((file) => file.endsWith(".cat"));
  strictEqual(numbers.length, 1);
  match(numbers[0], /^p\d+\/mine\/events\.out\.tfevents\./);
  const [yml, ...rest] = files.filter((file) => file.endsWith("hparams.yml"));
  match(yml, /^p\d+\/mine\/\d+\.\d+\/hparams\.yml$/);
  deepStrictEqual(rest, []);
  ok(files.some((file) => file !== numbers[0] && basename(file).startsWith("events.out.tfevents.")));
  const shown = Deno.readTextFileSync(join(loggingDir, yml));
  for (
    const line of [
      "learning_rate: 0.01",
      "optimizer_args: \"['weight_decay=0.1']\"",
      "lr_warmup_steps: 0.5",
      'output_name: "thing"',
      "seed: 5",
      "unet_lr: null",
      "cache_latents: true",
    ]
  ) ok(shown.split("\n").includes(line), `${line} in\n${shown}`);
  for (const file of files) {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(join(loggingDir, file)));
    ok(!text.includes("hf_secret") && !/train_data_dir|huggingface_token|output_dir/.test(text), file);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("numbers have the tags that sd-scripts' program of the same tracker gives them", () => {
  const cases = {
    network_train: ["loss/current", "lr/unet", "lr/d*lr/unet"],
    dreambooth: ["loss", "lr/unet", "lr/d*lr/unet"],
    finetuning: ["loss", "lr/unet", "lr/d*lr/unet"],
    textual_inversion: ["loss", "lr", "lr/d*lr"],
    controlnet_train: ["loss/current", "lr", "lr/d*lr"],
    lllite_control_net_train: ["loss/current", "lr", "lr/d*lr"],
  };
  const loggingDir = Deno.makeTempDirSync(), rates = new Map([["unet", 0.5]]);
  for (const [tracker, tags] of Object.entries(cases) as [Tracker, string[]][]) {
    const given = { loggingDir, logPrefix: tracker, logTrackerName: "mine", logTrackerConfig: null };
    const log = TrainingLog.open(given, tracker, null)!;
    log.step(1, { loss: 1, average: 1, learningRates: rates, adaptedRates: rates, gradNorm: null });
    log.close();
    const [file] = filesBelow(loggingDir).filter((name) => name.startsWith(tracker));
    const { events } = readScalars(Deno.readFileSync(join(loggingDir, file)));
    deepStrictEqual(events.map(({ tag }) => tag), [tags[0], "loss/average", ...tags.slice(1)], tracker);
  }
  Deno.removeSync(loggingDir, { recursive: true });
});

Deno.test("a tracker's config that TensorBoard does not take is one line before any work", () => {
  const { dir, config } = tinyRun(1), logTrackerConfig = join(dir, "t.toml");
  const cases = [
    ["tensorboard = 1", /t\.toml: tensorboard is no table/],
    ["[tensorboard]\nfilename_sufix = 'x'", /takes no filename_sufix; did you mean filename_suffix\?/],
    ["[tensorboard]\nlog_dir = '/x'", /takes no log_dir; it takes filename_suffix, purge_step/],
    ["[tensorboard]\nfilename_suffix = '/../x'", /filename_suffix is "\/\.\.\/x"; give a text/],
    ["[tensorboard]\npurge_step = 1.5", /purge_step is 1\.5; give a step/],
  ] as const;
  for (const [text, message] of cases) {
    Deno.writeTextFileSync(logTrackerConfig, text);
    throws(() => trainNetworkJob.check!({ ...config, logTrackerConfig, loggingDir: dir }), message);
  }
  Deno.removeSync(dir, { recursive: true });
});
