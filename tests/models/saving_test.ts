/** Saving whole models: from one form to the next and back with the same bytes, and what is around them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { type Family, type ModelForm, modelSaver, NOTHING_CHANGED, openModel } from "../../src/models/mod.ts";
import { FAMILIES } from "../../src/models/families/mod.ts";
import type { FamilyName } from "../golden/synth_models.ts";
import { smallCheckpoint, writeCheckpoint } from "./sample.ts";

const NOTES = { metadata: null, epoch: 1, globalStep: 10 };

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A checkpoint in which no two tensors have the same bytes. */
function writeVaried(path: string, family: Family): void {
  let seed = 1;
  writeSafetensors(
    path,
    [...smallCheckpoint(family.name as FamilyName)].map(([name, shape]) => {
      const count = shape.reduce((a, b) => a * b, 1), first = seed++;
      const data = new Uint8Array(
        Uint16Array.from({ length: count }, (_, i) => (first * 31 + i * 7) % 0x3c00).buffer,
      );
      return { name, dtype: "F16", shape: [...shape], data };
    }),
  );
}

async function save(
  from: string,
  to: string,
  form: ModelForm,
  more = {},
  tell = (_: string) => {},
): Promise<void> {
  const model = openModel(from);
  try {
    const options = { form, precision: null, vPrediction: false, compat: false, ...more };
    (await modelSaver(model, options, tell)).save(to, NOTHING_CHANGED, NOTES);
  } finally {
    model.close();
  }
}

function contents(path: string): Map<string, string> {
  using file = openCheckpoint(path);
  return new Map(
    file.keys().map((
      key,
    ) => [key, `${file.info(key).dtype} [${file.info(key).shape}] ${file.bytes(key).toBase64()}`]),
  );
}

for (const family of FAMILIES) {
  Deno.test(`${family.label}: file, folders, pickle and back: the same bytes of each tensor`, () =>
    withFolder(async (folder) => {
      const path = (name: string) => join(folder, name);
      writeVaried(path("a.safetensors"), family);
      await save(path("a.safetensors"), path("b"), "diffusers_safetensors");
      await save(path("b"), path("c"), "diffusers");
      await save(path("c"), path("d.ckpt"), "ckpt");
      await save(path("d.ckpt"), path("e.safetensors"), "safetensors");
      const first = contents(path("a.safetensors")), last = contents(path("e.safetensors"));
      for (const [key, bytes] of first) {
        // the layer that SD2 never uses has no place in a folder
        if (family.name !== "sd2" || !key.includes("resblocks.1.")) assert.equal(last.get(key), bytes, key);
      }
      const more = [...last.keys()].filter((key) => !first.has(key));
      assert.deepEqual(
        more.sort(),
        family.name === "sd2"
          ? ["logit_scale", "text_projection"].map((name) => `cond_stage_model.model.${name}`)
          : [],
      );
    }));
}

Deno.test("a folder of SD2 gets a scale of 1: a number, with compat sd-scripts' integer", () =>
  withFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    writeVaried(path("a.safetensors"), FAMILIES.find(({ name }) => name === "sd2")!);
    await save(path("a.safetensors"), path("b"), "diffusers_safetensors");
    for (
      const [options, dtype, bytes] of [
        [{}, "F32", new Float32Array([1])],
        [{ compat: true }, "I64", new BigInt64Array([1n])],
        [{ compat: true, precision: "fp16" }, "F16", new Uint16Array([0x3c00])],
      ] as const
    ) {
      for (const form of ["safetensors", "ckpt"] as const) {
        await save(path("b"), path(`c.${form}`), form, options);
        const scale = contents(path(`c.${form}`)).get("cond_stage_model.model.logit_scale");
        assert.equal(scale, `${dtype} [] ${new Uint8Array(bytes.buffer).toBase64()}`, form);
      }
    }
  }));

Deno.test("what lies beside a model stays there; with compat SDXL loses it, as in sd-scripts", () =>
  withFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    for (const family of FAMILIES) {
      const beside: [string, readonly number[]][] = [["v_pred", [0]], ["extra.key", [3]]];
      writeCheckpoint(
        path("a.safetensors"),
        new Map([...smallCheckpoint(family.name as FamilyName), ...beside]),
      );
      for (const compat of [false, true]) {
        await save(path("a.safetensors"), path("b.safetensors"), "safetensors", { compat });
        const kept = beside.map(([key]) => key).filter((key) => contents(path("b.safetensors")).has(key));
        assert.deepEqual(kept, compat && family.name === "sdxl" ? [] : ["v_pred", "extra.key"], family.name);
      }
    }
  }));

Deno.test("counters go on where the model's own file has some", () =>
  withFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    writeVaried(path("a.safetensors"), FAMILIES[0]);
    await save(path("a.safetensors"), path("b.ckpt"), "ckpt");
    await save(path("b.ckpt"), path("c.pt"), "pt");
    using file = openCheckpoint(path("c.pt"));
    assert.deepEqual(file.counters, { epoch: 2, globalStep: 20 });
  }));

Deno.test("a folder replaces one that holds a model; one that holds something else is kept aside", () =>
  withFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    writeVaried(path("a.safetensors"), FAMILIES[0]);
    await save(path("a.safetensors"), path("b"), "diffusers");
    await save(path("a.safetensors"), path("b"), "diffusers_safetensors", { variant: "fp16" });
    const names = [...Deno.readDirSync(join(path("b"), "unet"))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["config.json", "diffusion_pytorch_model.fp16.safetensors"]);
    openModel(path("b")).close();
    Deno.writeTextFileSync(join(path("b"), "mine.txt"), "mine");
    const told: string[] = [];
    await save(path("a.safetensors"), path("b"), "diffusers", {}, (line) => told.push(line));
    assert.match(
      told.join("\n"),
      /b: held something else than a Diffusers model, which is kept in .*b\.kept-/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)].filter(({ name }) => name.includes("easel-")), []);
  }));

Deno.test("a save that fails leaves nothing, and the old one as it was", () =>
  withFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    writeVaried(path("a.safetensors"), FAMILIES[0]);
    const model = openModel(path("a.safetensors"));
    const changed = {
      has: (key: string) => key.endsWith("out.2.bias"),
      get: (key: string) => key.endsWith("out.2.bias") ? new Float32Array(4).fill(NaN) : undefined,
    };
    for (
      const [form, name] of [["diffusers", "b"], ["ckpt", "b.ckpt"], [
        "safetensors",
        "b.safetensors",
      ]] as const
    ) {
      const saver = await modelSaver(
        model,
        { form, precision: null, vPrediction: false, compat: false },
        () => {},
      );
      assert.throws(
        () => saver.save(path(name), changed, NOTES),
        /not written, because .*out.*bias would hold NaN/,
      );
    }
    model.close();
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.safetensors"]);
  }));
