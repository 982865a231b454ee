/** PEFT's OFT: rotations held against its OFTRotationModule.get_weight(), and its files. */

import { ok, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { modelPath } from "../../src/base/assets.ts";
import { quietContext } from "../../src/base/job.ts";
import { openSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/models/mod.ts";
import { loadLora, loraTargets, saveLora } from "../../src/networks/mod.ts";
import { peftRotations, rotationOf } from "../../src/networks/kinds/rotations/peft_rotations.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { convertLora } from "../../src/tools/network/any_kind/convert_lora.ts";
import { distance, loraDiff, totalOf } from "../../src/tools/network/any_kind/lora_diff.ts";
import { convertLoraOptions, loraDiffOptions } from "../../src/tools/network/options.ts";
import { trainNetwork } from "../../src/training/jobs/train_network.ts";
import { uniform } from "../golden/synth.ts";
import { tinyRun } from "../training/tiny_run.ts";

const TRIANGLES = Float32Array.of(0.1, -0.2, 0.3, 0.25, 0.05, -0.15);
const NEWER = { peft_version: "0.18.0" };

/** The first three numbers of both blocks of R - I, by PEFT 0.17 and of 2026. */
const RECORDED: readonly [what: string, config: Record<string, unknown>, wanted: readonly number[]][] = [
  ["a series", NEWER, [-0.093, 0.2836, -0.2882, -0.124313, 0.470594, 0.019531]],
  ["a series before 0.18", {}, [-0.086, 0.2752, -0.2924, -0.118625, 0.469938, 0.022813]],
  ["a short one", { ...NEWER, num_cayley_neumann_terms: 3 }, [
    -0.1,
    0.306,
    -0.312,
    -0.13,
    0.493125,
    0.020625,
  ]],
  [
    "the inverse itself",
    { use_cayley_neumann: false },
    [-0.087719, -0.070175, 0.403509, -0.11954, -0.445977, -0.16092],
  ],
  [
    "a limit",
    { ...NEWER, coft: true, eps: 0.3 },
    [-0.015891, 0.097443, -0.147214, -0.033053, 0.251655, 0.0305],
  ],
];

Deno.test("rotations are PEFT's, whatever its configuration says", () => {
  for (const [what, config, wanted] of RECORDED) {
    const found = peftRotations(TRIANGLES, [2, 3, 3], rotationOf(config));
    const first = [...found.subarray(0, 3), ...found.subarray(9, 12)];
    ok(first.every((v, i) => Math.abs(v - wanted[i]) < 2e-6), `${what}: ${first}`);
  }
  const shared = peftRotations(TRIANGLES.subarray(0, 3), [2, 3, 3], rotationOf(NEWER));
  strictEqual(shared.subarray(0, 9).join(), shared.subarray(9).join());
});

Deno.test("a file of PEFT's OFT becomes a LoRA, is not trained on, and means nothing without its configuration", async () => {
  const { dir, config } = tinyRun(1), path = join(dir, "adapter_model.safetensors");
  const model = openModel(modelPath(config.pretrainedModelNameOrPath));
  try {
    const targets = loraTargets(model.shapes, model.family, { convolutions: true, whole: true });
    const write = (wanted: (shape: readonly number[]) => boolean, suffix = "oft_R.weight", size = 8) =>
      writeSafetensors(
        path,
        targets.filter(({ part, shape }) => part === "unet" && wanted(shape)).slice(0, 4).map(
          ({ diffusers, shape }) => {
            const name = `base_model.model.${diffusers}.${suffix}`,
              numbers = [shape[1] / size, size * (size - 1) / 2];
            const values = uniform(name, numbers[0] * numbers[1], 0.3);
            return { name, dtype: "F32", shape: numbers, data: new Uint8Array(values.buffer) };
          },
        ),
        {},
      );
    const load = () => {
      using file = openSafetensors(path);
      return loadLora(file, model.shapes, model.family);
    };
    write((shape) => shape.length === 2);
    throws(load, /holds PEFT's OFT, whose numbers its adapter_config\.json explains, .* copy it there/);
    Deno.writeTextFileSync(join(dir, "adapter_config.json"), JSON.stringify({ peft_type: "OFT", ...NEWER }));
    const { modules, weights } = load();
    strictEqual(modules.length, 4);
    throws(
      () => saveLora(join(dir, "own.safetensors"), modules, weights, "F32"),
      /PEFT's OFT, which is drawn with and/,
    );
    const more = { networkWeights: path, dimFromWeights: true };
    await rejects(
      trainNetwork({ ...config, ...more }, quietContext()),
      /drawn with and merged only; make a LoRA/,
    );

    const cpu = { device: "cpu", threads: 1 }, sdModel = config.pretrainedModelNameOrPath;
    const plain = join(dir, "plain.safetensors");
    const options = withDefaults([convertLoraOptions], { to: "lora", ...cpu });
    await convertLora({ ...options, sdModel, dim: 1000 }, path, plain, quietContext());
    const diff = { ...withDefaults([loraDiffOptions], cpu), sdModel };
    const { changes } = await loraDiff(diff, [path, plain], quietContext());
    ok(changes.length === 4 && distance(totalOf(changes)) < 1e-4, "the LoRA does the same");

    write((shape) => shape.length === 4 && shape[2] > 1 && shape[1] % 8 === 0);
    throws(load, /oft_R\.weight is \[\d+, 28\], this SD1 model takes/);
    write((shape) => shape.length === 2, "oft_r.default");
    throws(load, /is of the kind OFT of PEFT before 0\.16, which is not supported yet/);
  } finally {
    model.close();
    Deno.removeSync(dir, { recursive: true });
  }
});
