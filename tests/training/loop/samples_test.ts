import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { loadImage } from "../../../src/data/mod.ts";
import { GEN_IMG_DEFAULTS } from "../../generation/defaults.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { sampleSize } from "../../../src/training/loop/samples.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, tinyRun } from "../tiny_run.ts";

Deno.test("sample pictures are gen_img's, and a prompt that cannot be drawn loses only itself", async () => {
  const { dir, config } = tinyRun();
  const context = listening();
  const prompts = [
    "a cat<lora:moka:0.5> --s 4 --d 3",
    "a dog --ss nothing",
    "a cow --w 0",
    "a pig --cn pose.png",
    "a hen --s 1000",
    "a fly --w 100000 --h 100000",
    "an owl --w 70 --h 128 --s 2 --d 5 --ss euler --zz 1",
  ];
  Deno.writeTextFileSync(join(dir, "prompts.txt"), prompts.join("\n"));
  await trainNetwork({
    ...config,
    ...{
      maxTrainSteps: 2,
      samplePrompts: join(dir, "prompts.txt"),
      sampleEveryNSteps: 1,
      sampleAtFirst: true,
    },
  }, context);

  const folder = join(dir, "out/sample");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name.replace(/_\d{14}_/, "_TIME_")).sort();
  deepStrictEqual(
    names,
    ["000001", "000002", "e000000"].flatMap((when) => [
      `thing_${when}_00_TIME_3.png`,
      `thing_${when}_06_TIME_5.png`,
    ]),
  );
  const told = context.lines.filter((line) => line.startsWith("warning: sample"));
  deepStrictEqual(told.map((line) => /"(.*?)( --|")/.exec(line)![1]).sort(), [
    "a cat<lora:moka:0.5>",
    "a cow",
    "a dog",
    "a fly",
    "a hen",
    "a pig",
    "an owl",
  ]);

  const picture = async (start: string) => {
    const { name } = [...Deno.readDirSync(folder)].find(({ name }) => name.startsWith(start))!;
    return await loadImage(join(folder, name));
  };
  const drawn = await picture("thing_e000000_00");
  deepStrictEqual([drawn.width, drawn.height], [64, 64], "as large as the training");
  const other = await picture("thing_e000000_06");
  deepStrictEqual([other.width, other.height], [64, 128], "as the prompt says");
  await genImg({
    ...GEN_IMG_DEFAULTS,
    ...{ ckpt: config.pretrainedModelNameOrPath, prompt: "a cat --s 4 --d 3", outdir: join(dir, "drawn") },
    ...{ W: 64, H: 64, sequentialFileName: true, threads: 1 },
  }, quietContext());
  const wanted = await loadImage(join(dir, "drawn/im_000001.png"));
  const worst = drawn.data.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted.data[i])), 0);
  ok(worst <= 1, `the LoRA does nothing yet, and the picture differs by ${worst}`);

  const steps = context.events.filter(({ task }) => task === "drawing samples");
  strictEqual(steps.filter(({ step }) => step === 0).length, 3);
  ok(steps.every(({ total }) => total === 6));
  ok(steps.some(({ note }) => note === "picture 2 of 2: an owl"));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("sampleSize() is the largest training resolution, and the reference's under --compat", () => {
  const dataset = (resolution: [number, number] | null, sizes: [number, number][]) => ({
    params: { resolution },
    buckets: sizes.map((size) => ({ size, members: [0] })),
  });
  const group = (...datasets: unknown[]) => ({ datasets }) as unknown as Parameters<typeof sampleSize>[0];
  const several = group(dataset([512, 512], [[448, 576]]), dataset([768, 640], []));
  deepStrictEqual(sampleSize(several, { compat: null }), { width: 768, height: 640 });
  deepStrictEqual(sampleSize(several, { compat: "0.9.1" }), { width: 512, height: 512 });
  const sized = group(dataset(null, [[256, 256], [512, 320]]));
  deepStrictEqual(sampleSize(sized, { compat: null }), { width: 512, height: 320 });
});
