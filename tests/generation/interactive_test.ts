import assert from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import { type JobContext, quietContext } from "../../src/base/job.ts";
import { decodeImage } from "../../src/images/load.ts";
import { modelPath } from "../../src/base/assets.ts";
import { drawInteractively } from "../../src/generation/interactive.ts";
import { openModel } from "../../src/models/mod.ts";
import { networkNamed, saveLora, tensorShapes } from "../../src/networks/mod.ts";
import { uniform } from "../golden/synth.ts";
import { GEN_IMG_DEFAULTS } from "./defaults.ts";

/** Somebody who types these lines, or a program that sends them; `stopAt` is interrupted while it is drawn. */
function contextWith(lines: string[], { typed, stopAt }: { typed: boolean; stopAt?: number }) {
  const warnings: string[] = [], paths: string[] = [];
  let asked = 0;
  const context: JobContext = {
    ...quietContext(),
    warn: (line) => void warnings.push(line),
    emit: (event) => void (event.event === "sample" && paths.push(event.path)),
    dialogue: {
      typed,
      async *lines() {
        for (const line of lines) {
          asked++;
          yield line;
        }
      },
      apart(run) {
        const controller = new AbortController();
        if (asked === stopAt) controller.abort();
        return run(controller.signal);
      },
    },
  };
  return { context, warnings, paths };
}

function makeLora(path: string): void {
  const file = openModel(modelPath("builtin:tiny")), named = networkNamed("networks.lora");
  try {
    const options = named.options(
      { dim: 2, alpha: 1, dropout: null, args: [] },
      file.family.sites.blocks,
      false,
    );
    const modules = named.modules(file.shapes, file.family, options, {});
    const values = [...tensorShapes(modules)].map(([key, shape]): [string, Float32Array] => [
      key,
      uniform(key, shape.reduce((a, b) => a * b, 1), 0.3),
    ]);
    saveLora(path, modules, new Map(values), "F16");
  } finally {
    file.close();
  }
}

Deno.test("prompts that are asked for are drawn one by one; one that cannot be is told, and the next one drawn", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    makeLora(`${dir}/spots.safetensors`);
    const config = {
      ...GEN_IMG_DEFAULTS,
      ...{ ckpt: "builtin:tiny", interactive: true, W: 64, H: 64, steps: 1, seed: 4, threads: 1 },
      ...{ outdir: `${dir}/out`, loraDir: [dir], sequentialFileName: true },
    };
    const lines = [
      "a red circle --n blue --d 1",
      "# a comment",
      "",
      "a cat <lora:nowhere:1>",
      "a red circle --n blue --d 1 --f second",
      "a red circle <lora:spots:1> --n blue --d 1",
      "a --w 63",
    ];
    const sent = contextWith(lines, { typed: false });
    await assert.rejects(
      drawInteractively(config, sent.context),
      (error: Error) =>
        error instanceof UserError && /^2 of 5 prompts could not be drawn/.test(error.message),
    );
    const names = sent.paths.map((path) => path.slice(dir.length + 5));
    // numbers go on, for the picture that could not be drawn too
    assert.deepEqual(names, ["im_000001.png", "second.png", "im_000004.png"]);
    const [first, again, spotted] = await Promise.all(
      sent.paths.map(async (path) => (await decodeImage(Deno.readFileSync(path))).data),
    );
    assert.deepEqual(again, first);
    assert.notDeepEqual(spotted, first);
    assert.match(sent.warnings[0], /<lora:nowhere:1>: there is no such LoRA/);
    assert.match(sent.warnings[1], /a picture of 63x64 cannot be drawn/);

    const typed = contextWith(["a cat --d 1", "a dog --d 2", "a --w 63"], { typed: true, stopAt: 1 });
    await drawInteractively({ ...config, outdir: `${dir}/typed` }, typed.context);
    assert.deepEqual(typed.paths, [`${dir}/typed/im_000002.png`]);
    assert.equal(typed.warnings.length, 1);
    await assert.rejects(drawInteractively(config, quietContext()), /nobody can be asked/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
