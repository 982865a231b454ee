/** Command lines, one word a line. */

import { UserError } from "../../../src/base/errors.ts";
import { HelpWanted, parseArgs } from "../../../src/options/given/parse.ts";
import { findCommand } from "../../../src/cli/front/program.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { readLaunch } from "../../../src/options/given/launcher.ts";
import { sdBlocks, sdxlBlocks } from "../../../src/models/mod.ts";
import { loraOptions } from "../../../src/networks/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { createSchedule, type ScheduleConfig } from "../../../src/training/schedules/schedule.ts";
import { bytesOf, textOf, type Topic, tryAll } from "../topic.ts";

const LINES = [
  "train_network --pretrained_model_name_or_path builtin:tiny --train_data_dir / --output_dir out --output_name a/b " +
  "--resolution 512,768 --network_dim 8 --network_args conv_dim=4 block_dims=1,2,3 dropout=0.1 --learning_rate 1e-4 " +
  "--optimizer_args betas=.9,.99 weight_decay=1e-2 --lr_scheduler cosine --lr_warmup_steps 10% --max_train_steps 100",
  "gen_img --ckpt builtin:tiny --prompt cat --W 64 --H=64 --steps 5 --sampler euler_a --network_mul 0.5 -1 --vram_budget 6GB",
  "accelerate launch --num_cpu_threads_per_process=1 train_network.py --lr_scheduler_args power=2 --device cuda:0",
  "merge_lora --models a b --ratios 0.5 0.5 --save_to c.safetensors --concat --lr_scheduler polynomial --seed 1",
];

export const options: Topic = {
  seeds: () => LINES.map((line) => bytesOf(line.replaceAll(" ", "\n"))),
  async run(bytes) {
    const words = textOf(bytes).replaceAll("\0", "").split("\n").slice(0, 2000);
    const launch = /^(accelerate|python)/.test(words[0]) ? launchOf(words) : null;
    const [name, ...argv] = launch?.argv ?? words;
    const { entry, flags } = await findCommand(name);
    const command = await entry.load();
    let values: Record<string, unknown> = {};
    try {
      const typed = parseArgs([...flags, ...argv], command.groups, command.positionals);
      values = typed.values;
      prepare(command, typed, launch?.defaults ?? {});
    } catch (error) {
      if (!(error instanceof UserError || error instanceof HelpWanted)) throw error;
    }
    const list = (key: string) => (values[key] ?? null) as string[] | null;
    const flagsOf = { dim: 4, alpha: 1, dropout: null, args: list("network_args") };
    return tryAll([
      () => loraOptions(flagsOf, sdBlocks),
      () => loraOptions(flagsOf, sdxlBlocks, true),
      () => readOptimizer("AdamW", list("optimizer_args")),
      () => createSchedule({ ...SCHEDULE, ...(values.lr_scheduler ? scheduleOf(values) : {}) })(3, 1e-3),
    ]);
  },
};

function launchOf(words: readonly string[]) {
  try {
    return readLaunch(words);
  } catch (error) {
    if (error instanceof HelpWanted) return null;
    throw error;
  }
}

const SCHEDULE: ScheduleConfig = {
  ...{ lrScheduler: "constant", lrSchedulerType: null, lrSchedulerArgs: null, lrWarmupSteps: { steps: 0 } },
  ...{ lrDecaySteps: { steps: 0 }, lrSchedulerNumCycles: 1, lrSchedulerPower: 1, lrSchedulerTimescale: null },
  ...{ lrSchedulerMinLrRatio: null, learningRate: 1e-3, maxTrainSteps: 10 },
};

function scheduleOf(values: Record<string, unknown>): Partial<ScheduleConfig> {
  return {
    lrScheduler: values.lr_scheduler,
    lrSchedulerArgs: values.lr_scheduler_args,
    lrWarmupSteps: values.lr_warmup_steps,
    maxTrainSteps: values.max_train_steps,
  } as Partial<ScheduleConfig>;
}
