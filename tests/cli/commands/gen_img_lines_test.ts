/** The command lines of sd-scripts' pages that draw, run to their pictures: small ones, with files of our own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { modelPath } from "../../../src/base/assets.ts";
import { quietContext } from "../../../src/base/job.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { findCommand } from "../../../src/cli/front/program.ts";
import { prepare } from "../../../src/cli/front/run_command.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { controlShapes, openModel } from "../../../src/models/mod.ts";
import { networkNamed, saveLora, tensorShapes } from "../../../src/networks/mod.ts";
import { writeClip, writeVgg16 } from "../../generation/techniques/guide_files.ts";
import { synthTensor, uniform } from "../../golden/synth.ts";
import { TINY_SDXL, writeTinyModel } from "../../training/tiny_run.ts";

const rows: { from: string; command: string; argv: string[] }[] = JSON.parse(
  Deno.readTextFileSync(new URL("../data/commands.json", import.meta.url)),
);
/** "further flags" are no line of those pages, but the rest of the flags in one. */
const lines = rows.filter(({ command, from }) =>
  command === "gen_img" && /(gen_img|train_lllite)_README/.test(from) && !/further flags/.test(from)
);

const floats = (name: string, shape: readonly number[], values: Float32Array) => {
  return { name, dtype: "F32", shape: [...shape], data: new Uint8Array(values.buffer) };
};

/** A file of ours for each flag that names one. */
function writeFiles(dir: string, sdxl: boolean): Readonly<Record<string, (given: string) => string>> {
  const model = openModel(modelPath("builtin:tiny")), { shapes, family } = model;
  model.close();
  const named = networkNamed("networks.lora");
  const options = named.options({ dim: 2, alpha: 1, dropout: null, args: [] }, family.sites.blocks, false);
  const modules = named.modules(shapes, family, options, {});
  const lora = new Map([...tensorShapes(modules)].map(([key, shape]): [string, Float32Array] => [
    key,
    uniform(key, shape.reduce((a, b) => a * b, 1), 0.1),
  ]));
  const width = shapes.get(
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
  )![1];
  const path = (given: string) => join(dir, given.replace(/^.*[\\/]/, ""));
  const picture = (given: string) => {
    const bytes = encodePng({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(90) });
    if (/\.(png|jpg)$/.test(given)) Deno.writeFileSync(path(given), bytes);
    else {
      Deno.mkdirSync(path(given), { recursive: true });
      Deno.writeFileSync(join(path(given), "one.png"), bytes);
    }
    return path(given);
  };
  return {
    ckpt() {
      if (!sdxl) return "builtin:tiny";
      writeTinyModel(path("sdxl.safetensors"), {}, TINY_SDXL);
      return path("sdxl.safetensors");
    },
    outdir: () => join(dir, "out"),
    image_path: picture,
    guide_image_path: picture,
    from_file(given) {
      Deno.writeTextFileSync(path(given), "a red circle\n# not this\na blue square --n red --s 1\n");
      return path(given);
    },
    network_weights(given) {
      saveLora(path(given), modules, lora, "F16");
      return path(given);
    },
    textual_inversion_embeddings(given) {
      writeSafetensors(path(given), [floats("emb_params", [1, width], uniform(given, width, 0.05))]);
      return path(given);
    },
    control_net_models(given) {
      writeSafetensors(
        path(given),
        [...controlShapes(shapes)].map(([name, shape]) =>
          floats(`control_model.${name}`, shape, synthTensor(name, shape).map((x) => 0.1 * x))
        ),
      );
      return path(given);
    },
  };
}

/** The line with our files, and its pictures small and few. */
function small(argv: readonly string[], files: ReturnType<typeof writeFiles>): string[] {
  let flag = "";
  const least: Readonly<Record<string, number>> = {
    ...{ W: 64, H: 64, steps: 4, highres_fix_steps: 2, images_per_prompt: 2, batch_size: 2 },
  };
  return argv.map((word) => {
    if (word.startsWith("--")) flag = word.slice(2);
    else if (files[flag]) return files[flag](word);
    else if (least[flag]) return String(Math.min(Number(word), least[flag]));
    return word;
  });
}

const seen = new Set<string>();
for (const { from, argv } of lines) {
  const [, script, ...words] = argv;
  if (seen.has(words.join(" "))) continue; // the pages of 0.9.1 and 0.10 have most lines in common
  seen.add(words.join(" "));
  Deno.test(`${from}: draws`, async () => {
    const dir = await Deno.makeTempDir();
    try {
      const { entry, flags } = await findCommand(script), command = await entry.load();
      const more = words.includes("--W") ? [] : ["--W", "64", "--H", "64", "--steps", "4"];
      if (!words.includes("--outdir")) more.push("--outdir", join(dir, "out"));
      if (words.some((word) => /^--clip_.*guidance_scale$/.test(word))) {
        more.push("--clip_guidance_model", writeClip(join(dir, "clip.safetensors")));
      }
      if (words.includes("--vgg16_guidance_scale")) {
        more.push("--vgg16_guidance_model", writeVgg16(join(dir, "vgg.safetensors")));
      }
      const line = [
        ...flags,
        ...small(words, writeFiles(dir, script.startsWith("sdxl_"))),
        ...more,
        "--threads",
        "1",
      ];
      const { input } = prepare(command, parseArgs(line, command.groups), {}, entry.name);
      await command.run(input, {
        ...quietContext(),
        dialogue: {
          typed: true,
          async *lines() {
            yield "a red circle --n blue --d 1";
          },
          apart: (run) => run(new AbortController().signal),
        },
      });
      const pictures = [...Deno.readDirSync(join(dir, "out"))].map(({ name }) => name);
      assert.ok(pictures.length > 0 && pictures.every((name) => name.endsWith(".png")), pictures.join(" "));
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}
