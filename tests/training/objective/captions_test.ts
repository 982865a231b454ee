/** What a step is told beside its pictures: weights of words, how strongly the network takes part. */
import { notStrictEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, lossesOf, tinyRun } from "../tiny_run.ts";

Deno.test("--weighted_captions makes weights of brackets", async () => {
  const { dir, config } = tinyRun(1);
  const file = join(dir, "data/1_thing/0.txt");
  const loss = async (caption: string, weightedCaptions: boolean) => {
    Deno.writeTextFileSync(file, caption);
    const context = listening();
    await trainNetwork({ ...config, maxTrainSteps: 1, shuffleCaption: false, weightedCaptions }, context);
    return lossesOf(context)[0];
  };
  const plain = await loss("a small thing", true), weighted = await loss("a (small:1.8) thing", true);
  notStrictEqual(plain, weighted);
  notStrictEqual(await loss("a (small:1.8) thing", false), weighted, "brackets are words without the flag");
  ok(Math.abs(plain - await loss("a small thing", false)) < 1e-5 * plain, "no bracket, no difference");
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a dataset's network_multiplier scales what the network adds, and so its gradients", async () => {
  const { dir, config } = tinyRun(1);
  const norm = async (multiplier: number) => {
    const datasetConfig = join(dir, "data.toml");
    Deno.writeTextFileSync(
      datasetConfig,
      `[general]\ncaption_extension = ".txt"\n[[datasets]]\nresolution = 64\nbatch_size = 1\n` +
        `network_multiplier = ${multiplier.toFixed(1)}\n[[datasets.subsets]]\nimage_dir = "${
          join(dir, "data/1_thing")
        }"\n`,
    );
    const context = listening();
    const data = { datasetConfig, trainDataDir: null, resolution: null };
    await trainNetwork({ ...config, ...data, maxTrainSteps: 1, maxGradNorm: 0 }, context);
    return context.events.findLast(({ details }) => details?.gradNorm)!.details!.gradNorm as number;
  };
  // lora_up is zero before the first step, so the gradient is exactly so many times as large
  const [whole, half] = [await norm(1), await norm(0.5)];
  ok(whole > 0 && Math.abs(half / whole - 0.5) < 1e-4, `${half} of ${whole}`);
  Deno.removeSync(dir, { recursive: true });
});
