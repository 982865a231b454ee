/**
 * `easel demo`: draws from the built-in model, trains a LoRA on pictures of something it has never seen, draws the same
 * prompts and seeds again. The three jobs are the ones behind gen_img and train_network, called as a user would.
 */

import { assetPath } from "../base/assets.ts";
import { atomicWriteFile } from "../base/files/atomic.ts";
import { removeLeftovers } from "../base/files/leftovers.ts";
import type { JobContext } from "../base/job.ts";
import { genImgGroups } from "../generation/groups.ts";
import { genImgJob } from "../generation/gen_img_job.ts";
import { withDefaults } from "../options/mod.ts";
import { type TrainNetworkConfig, trainNetworkGroups } from "../training/options.ts";
import { trainNetworkJob } from "../training/jobs/train_network_job.ts";
import { pictureGrid } from "./grid.ts";

export interface DemoConfig {
  /** Where before.png, after.png, grid.png, the LoRA file and the single pictures are written. */
  readonly outputDir: string;
  readonly device: string;
  readonly threads: number;
  /** Most bytes to take on the device; null is what is free. */
  readonly vramBudget: number | null;
  readonly noVendorLibs: boolean;
}

/** The new thing on three backgrounds, and three prompts that do not name it and must stay as they were. */
const PROMPTS = [
  "moka on a blue background",
  "moka on a yellow background",
  "moka on a green background",
  "a red circle on a blue background",
  "a yellow star on a purple background",
  "a house with a red roof by day with a sun",
];

const MODEL = "builtin:tiny", SIDE = 128, SEED = 7;

/** Runs the demo and tells where its files are. */
export async function runDemo(config: DemoConfig, context: JobContext): Promise<void> {
  const { outputDir } = config;
  Deno.mkdirSync(outputDir, { recursive: true });
  removeLeftovers(outputDir, (name) => name.endsWith(".png"), context.log);
  const lora = `${outputDir}/moka.safetensors`;
  context.log(`1/3 drawing ${PROMPTS.length} prompts with ${MODEL}`);
  const before = await draw("before", null, config, context);
  context.log(`2/3 training a LoRA on ${assetPath("demo")}`);
  await trainNetworkJob.run(trainingConfig(config), context);
  context.log("3/3 drawing the same prompts and seeds with the LoRA");
  const after = await draw("after", lora, config, context);
  atomicWriteFile(`${outputDir}/before.png`, await pictureGrid([{ pictures: before }]));
  atomicWriteFile(`${outputDir}/after.png`, await pictureGrid([{ pictures: after }]));
  const rows = [
    { label: "before", pictures: before, captions: PROMPTS },
    { label: "after", pictures: after },
    { label: "trained on", ...trainedOn(PROMPTS.length) },
  ];
  atomicWriteFile(`${outputDir}/grid.png`, await pictureGrid(rows));
  context.log(`${outputDir}/grid.png: the prompts before and after, and what the LoRA was trained on`);
  context.log(`${lora}: the LoRA, as A1111, ComfyUI, diffusers and sd-scripts read it`);
  context.log(`easel studio ${outputDir}: a page on this machine for trainings and pictures of your own`);
}

/** The first training pictures with their captions. */
function trainedOn(count: number): { pictures: string[]; captions: string[] } {
  const folder = `${assetPath("demo")}/10_moka`;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".png"));
  const pictures = names.sort().slice(0, count).map((name) => `${folder}/${name}`);
  const captions = pictures.map((path) => Deno.readTextFileSync(path.replace(/png$/, "txt")).trim());
  return { pictures, captions };
}

/** One picture for each prompt; their paths in order. */
async function draw(
  name: string,
  lora: string | null,
  { outputDir, device, threads, vramBudget, noVendorLibs }: DemoConfig,
  context: JobContext,
): Promise<string[]> {
  const outdir = `${outputDir}/pictures/${name}`;
  const list = `${outputDir}/pictures/${name}.txt`;
  Deno.mkdirSync(outdir, { recursive: true });
  atomicWriteFile(list, PROMPTS.map((prompt, i) => `${prompt} --d ${SEED + i}\n`).join(""));
  const config = withDefaults(genImgGroups, {
    ckpt: MODEL,
    fromFile: list,
    outdir,
    sequentialFileName: true,
    W: SIDE,
    H: SIDE,
    steps: 30,
    scale: 4,
    batchSize: PROMPTS.length,
    sampler: "ddim",
    device,
    threads,
    vramBudget,
    noVendorLibs,
    networkModule: lora ? ["networks.lora"] : null,
    networkWeights: lora ? [lora] : null,
    networkMul: lora ? [1] : null,
  });
  const paths: string[] = [];
  const listening: JobContext = {
    ...context,
    emit(event) {
      if (event.event === "sample") paths.push(event.path);
      context.emit(event);
    },
  };
  await genImgJob.run(config, listening);
  return paths;
}

function trainingConfig(
  { outputDir, device, threads, vramBudget, noVendorLibs }: DemoConfig,
): TrainNetworkConfig {
  return withDefaults(trainNetworkGroups, {
    pretrainedModelNameOrPath: MODEL,
    trainDataDir: assetPath("demo"),
    // pictures of other things, so that the LoRA learns what moka is and nothing else
    regDataDir: assetPath("demo_reg"),
    outputDir,
    outputName: "moka",
    captionExtension: ".txt",
    resolution: `${SIDE},${SIDE}`,
    trainBatchSize: 4,
    networkDim: 16,
    networkAlpha: 16,
    learningRate: 1e-3,
    lrScheduler: "cosine",
    maxTrainSteps: 400,
    cacheLatents: true,
    minSnrGamma: 5,
    seed: SEED,
    device,
    threads,
    vramBudget,
    noVendorLibs,
  });
}
