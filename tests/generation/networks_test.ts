/** Networks in pictures: every kind, several, in regions, with strengths that change. */

import assert from "node:assert/strict";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { networkNamed, saveLora, tensorShapes } from "../../src/networks/mod.ts";
import { uniform } from "../golden/synth.ts";
import { caseModel } from "../golden/synth_models.ts";
import { difference, draw, makeFiles } from "./drawn.ts";

/** A network of any kind for the synthetic checkpoint. */
function makeNetwork(path: string, module: string, args: readonly string[], dim: number): string {
  const { shapes, family } = caseModel({ model: "sd1-tiny" }), named = networkNamed(module);
  const options = named.options({ dim, alpha: 1, dropout: null, args }, family.sites.blocks, false);
  const modules = named.modules(shapes, family, options, {});
  const values = [...tensorShapes(modules)].map(([key, shape]): [string, Float32Array] => {
    const start = key.endsWith("dora_scale") ? 1 : 0;
    return [key, uniform(key, shape.reduce((a, b) => a * b, 1), 0.3).map((v) => v + start)];
  });
  saveLora(path, modules, new Map(values), "F16");
  return path;
}

Deno.test("genImg() draws with networks of other kinds, several at once, live and merged", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt } = makeFiles(dir);
    const oft = makeNetwork(
      `${dir}/oft.safetensors`,
      "lycoris.kohya",
      ["algo=diag-oft", "preset=attn-mlp"],
      8,
    );
    const loha = makeNetwork(`${dir}/loha.safetensors`, "lycoris.kohya", ["algo=loha", "dora_wd=True"], 2);
    const one = {
      ckpt,
      networkModule: ["lycoris.kohya"],
      networkWeights: [loha],
      networkMul: [0.5],
      steps: 1,
    };
    const [plain] = await draw(dir, "plain", { ckpt, steps: 1 });
    const [live] = await draw(dir, "live", one);
    const [merged] = await draw(dir, "merged", { ...one, networkMerge: true });
    assert.ok(difference(live, plain) > 0.5, "it changes the picture");
    assert.ok(difference(live, merged) < 0.2, `merged and live are ${difference(live, merged)} apart`);
    const both = { ckpt, networkWeights: [oft, loha], networkMul: [1, 0.5], steps: 1 };
    const [together] = await draw(dir, "both", both);
    assert.ok(difference(together, live) > 0.5, "the second one takes part");
    const [first] = await draw(dir, "first", { ...both, prompt: "a cat --d 3 --am 0,0.5" });
    assert.ok(difference(first, live) < 0.1, "strength 0 is no network");

    // the two halves of a picture by the same network are the picture; without guidance no negative prompt takes part
    const parted = { ...one, networkWeights: [loha, loha], networkMul: [0.5, 0.5], scale: 1 };
    const halves = Uint8Array.from(
      { length: 64 * 64 * 3 },
      (_, i) => (i / 3 % 64 < 32 ? 0 : 1) === i % 3 ? 255 : 0,
    );
    Deno.writeFileSync(`${dir}/halves.png`, encodePng({ width: 64, height: 64, data: halves }));
    const regional = { ...parted, maskPath: `${dir}/halves.png` };
    const [whole] = await draw(dir, "whole", { ...one, scale: 1 });
    const [joined] = await draw(dir, "joined", { ...regional, prompt: "a cat AND a cat --d 3" });
    const [half] = await draw(dir, "half", { ...regional, prompt: "a cat AND a cat --d 3 --am 0.5,0" });
    assert.ok(difference(joined, whole) < 2, `the halves are ${difference(joined, whole)} off the whole`);
    assert.ok(
      difference(half, whole) > 10 && difference(half, plain) > 10,
      "half is neither all nor nothing",
    );
    await assert.rejects(
      draw(dir, "none", { ...one, networkModule: ["networks.none"] }),
      /networks\.none is not supported yet; these are: networks\.lora,/,
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("strengths that change from picture to picture leave the model as it was", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt, lora } = makeFiles(dir);
    const file = (name: string, strengths: readonly number[]) => {
      const path = `${dir}/${name}.txt`;
      Deno.writeTextFileSync(path, strengths.map((am) => `a cat --d 3 --am ${am}`).join("\n"));
      return {
        ckpt,
        prompt: null,
        fromFile: path,
        networkWeights: [lora],
        steps: 1,
        sampler: "ddim" as const,
      };
    };
    const [one, less, again, none] = await draw(dir, "all", file("all", [1, 0.3, 1, 0]));
    assert.deepEqual(again, one, "the same strength is the same picture, whatever was drawn before");
    assert.ok(difference(one, less) > 0.5, "another is another");
    for (const [strength, live] of [[1, one], [0.3, less], [0, none]] as const) {
      const merge = { ...file("merged", [1]), networkMul: [strength], networkMerge: true };
      const [merged] = await draw(dir, `merged${strength}`, merge);
      assert.ok(difference(live, merged) < 0.2, `strength ${strength} is as merged in advance`);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("genImg() under --compat leaves out modules of networks.oft that sd-scripts does not see", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt } = makeFiles(dir), args = ["enable_all_linear=True"];
    const linear = makeNetwork(`${dir}/linear.safetensors`, "networks.oft", args, 4);
    const all = makeNetwork(`${dir}/all.safetensors`, "networks.oft", [...args, "enable_conv=True"], 4);
    const drawn = async (name: string, file: string, compat: GenImgConfig["compat"]) =>
      (await draw(dir, name, { ckpt, networkWeights: [file], steps: 1, compat }))[0];
    const without = await drawn("without", linear, "0.9.1");
    assert.equal(difference(await drawn("unseen", all, "0.9.1"), without), 0);
    assert.ok(difference(await drawn("all", all, null), await drawn("linear", linear, null)) > 0.5);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
