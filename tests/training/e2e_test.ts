/**
 * Whole trainings from seed, files and flags against what sd-scripts 0.9.1 printed for the same (e2e/cases.json). The
 * model and LoRA files follow the rule of tests/golden/synth.ts; "seed-sd1" was recorded as sd-scripts is, the others with
 * its generator put back to the seed before latents are cached and before the first epoch.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { trainNetworkJob } from "../../src/training/jobs/train_network_job.ts";
import { type Command, commandOf } from "../../src/cli/command.ts";
import { parseArgs } from "../../src/options/given/parse.ts";
import { prepare } from "../../src/cli/front/run_command.ts";
import { openSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { sdBlocks } from "../../src/models/mod.ts";
import { DOWN, keysOf, loraModules, loraOptions, saveLora, UP } from "../../src/networks/mod.ts";
import { synthTensor } from "../golden/synth.ts";
import { caseModel } from "../golden/synth_models.ts";
import { listening } from "./tiny_run.ts";

interface Case {
  readonly name: string;
  readonly args: string;
  readonly losses: readonly number[];
  /** null where no update follows the batch. */
  readonly grad_norms: readonly (number | null)[];
  /** What the names of weights begin with that stay as --network_weights has them: no caption is read there. */
  readonly untouched?: string;
}

const COMMAND = commandOf(trainNetworkJob) as Command;
const DATA = join(import.meta.dirname!, "e2e");
const { cases }: { cases: readonly Case[] } = JSON.parse(Deno.readTextFileSync(join(DATA, "cases.json")));
const MODEL = caseModel({ model: "sd1-tiny" });

function writeModel(path: string): void {
  const tensors = [...MODEL.shapes].map(([name, shape]) => ({
    name,
    dtype: "F32",
    shape: [...shape],
    data: () => new Uint8Array(synthTensor(name, shape).buffer),
  }));
  writeSafetensors(path, tensors);
}

/** Rank 4, alpha 2; lora_up a tenth of the rule. */
function writeLora(path: string, args: readonly string[] | null): void {
  const options = loraOptions({ dim: 4, alpha: 2, dropout: null, args }, sdBlocks);
  const modules = loraModules(MODEL.shapes, MODEL.family, options);
  const weights = new Map(modules.flatMap((module): [string, Float32Array][] => {
    const { down, up } = keysOf(module);
    const small = synthTensor(up, module.tensors[UP]).map((x) => x * Math.fround(0.1));
    return [[down, synthTensor(down, module.tensors[DOWN])], [up, small]];
  }));
  saveLora(path, modules, weights, "F32");
}

function close(what: string, found: number | null | undefined, wanted: number, limit: number): void {
  assert.ok(Math.abs(found! / wanted - 1) < limit, `${what} is ${found}, sd-scripts has ${wanted}`);
}

Deno.test("trainings from seed, files and flags have sd-scripts' losses", async (t) => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-e2e-" });
  try {
    writeModel(join(dir, "model.safetensors"));
    writeLora(join(dir, "lora-sd1-d4.safetensors"), null);
    writeLora(join(dir, "lora-sd1-c.safetensors"), ["conv_dim=2", "conv_alpha=1"]);
    for (const { name, args, losses, grad_norms, untouched } of cases) {
      await t.step(name, async () => {
        const argv = args.split(" ").map((word) =>
          word.endsWith(".safetensors") ? join(dir, word) : word.endsWith("/train") ? join(DATA, word) : word
        );
        argv.push("--pretrained_model_name_or_path", join(dir, "model.safetensors"));
        argv.push("--output_dir", join(dir, name), "--threads", "1", "--device", "cpu");
        const context = listening();
        const { input } = prepare(COMMAND, parseArgs(argv, COMMAND.groups), {});
        await COMMAND.run(input, context);
        const steps = context.events.filter(({ task, details }) => task === "training" && details);
        assert.equal(steps.length, losses.length);
        steps.forEach(({ step, details }, i) => {
          close(`loss ${step}`, details!.batchLoss, losses[i], 3e-6);
          const norm = grad_norms[i], found = details!.gradNorm ?? null;
          if (norm === null) assert.equal(found, null, `gradient norm ${step}`);
          else close(`gradient norm ${step}`, found, norm, 1e-4);
        });
        if (!untouched) return;
        using before = openSafetensors(join(dir, "lora-sd1-d4.safetensors"));
        using after = openSafetensors(join(dir, name, "last.safetensors"));
        const kept = after.keys().filter((key) => key.startsWith(untouched) && key.endsWith("weight"));
        assert.ok(kept.length > 0);
        for (const key of kept) assert.deepEqual(after.f32(key), before.f32(key), key);
      });
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
