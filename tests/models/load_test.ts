import assert from "node:assert/strict";
import { openCheckpoint } from "../../src/formats/checkpoint.ts";
import {
  below,
  checkFlags,
  identify,
  openModel,
  under,
  UNET,
  unetShapes,
  VAE,
  vaeKeys,
  vaeShapes,
} from "../../src/models/mod.ts";
import { GEN_IMG_DEFAULTS } from "../generation/defaults.ts";
import { samplingOf } from "../../src/generation/pipeline/sampling.ts";
import { torchBytes } from "../formats/pickle/torch_writer.ts";
import { family, type FamilyName } from "../golden/synth_models.ts";
import { SMALL_UNET, SMALL_VAE, smallCheckpoint, writeCheckpoint } from "./sample.ts";

/** Calls `body` with a path in a folder that is removed afterwards. */
function withFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a checkpoint's family is seen from its keys", () => {
  for (const family of ["sd1", "sd2", "sdxl"] as const) {
    const identity = identify(smallCheckpoint(family));
    assert.equal(identity.kind === "checkpoint" && identity.family.name, family);
  }
  assert.equal(identify(new Map([["lora_unet_x.lora_down.weight", [1, 1]]])).kind, "lora");
  assert.equal(identify(vaeShapes(SMALL_VAE)).kind, "vae");
  assert.equal(identify(under(`${VAE}.`, vaeShapes(SMALL_VAE))).kind, "vae");
  assert.deepEqual(identify(new Map([["double_blocks.0.img_attn.qkv.weight", [1, 1]]])), {
    kind: "other",
    what: "a FLUX model",
  });
  assert.equal(identify(new Map()).kind, "other");
});

Deno.test("flags that contradict the file are an error that says what the file is", () => {
  assert.throws(
    () => checkFlags(family("sd1"), { v2: true }, "cat.safetensors"),
    /cat\.safetensors: is an SD1 checkpoint/,
  );
  assert.throws(() => checkFlags(family("sd2"), { sdxl: true }, "a"), /SD2/);
  checkFlags(family("sd2"), { v2: true }, "a");
  checkFlags(family("sdxl"), {}, "a");
});

Deno.test("a file says by keys of its own that it predicts v and ends in pure noise", () =>
  withFolder((folder) => {
    for (const extra of [[], ["v_pred"], ["v_pred", "ztsnr"]]) {
      const path = `${folder}/${extra.length}.safetensors`, shapes = new Map(smallCheckpoint("sdxl"));
      for (const key of extra) shapes.set(key, [0]);
      writeCheckpoint(path, shapes);
      const model = openModel(path);
      const marks = { vPrediction: extra.length > 0, zeroTerminalSnr: extra.length > 1 };
      assert.deepEqual(model.marks, marks);
      const { prediction, zeroTerminalSnr } = samplingOf(GEN_IMG_DEFAULTS, model.marks);
      assert.equal(prediction, marks.vPrediction ? "v_prediction" : "epsilon");
      assert.equal(zeroTerminalSnr, marks.zeroTerminalSnr);
      model.close();
    }
  }));

Deno.test("whole checkpoints of each family open, with what does not belong to the model left away", () =>
  withFolder((folder) => {
    for (const family of ["sd1", "sd2", "sdxl"] as const) {
      const path = `${folder}/${family}.safetensors`, shapes = smallCheckpoint(family);
      const extra = new Map<string, readonly number[]>([
        ["model_ema.decay", [1]],
        ["cond_stage_model.transformer.text_model.embeddings.position_ids", [1, 77]],
        ["cond_stage_model.model.logit_scale", [1]],
      ]);
      // the extra keys of another family's text encoder would change what the file is
      if (family === "sdxl") extra.clear();
      if (family === "sd1") extra.delete("cond_stage_model.model.logit_scale");
      writeCheckpoint(path, new Map([...shapes, ...extra]));
      const model = openModel(path);
      assert.equal(model.family.name, family);
      assert.deepEqual([...model.shapes].sort(), [...shapes].sort());
      model.close();
    }
  }));

Deno.test("what torch.save() wrote opens as the same model, with the same weights, whatever lies around them", () =>
  withFolder((folder) => {
    const path = `${folder}/sd1.safetensors`;
    writeCheckpoint(path, smallCheckpoint("sd1"));
    const model = openModel(path);
    using file = openCheckpoint(path);
    for (const form of ["zip", "legacy"] as const) {
      for (const below of [undefined, "state_dict"]) {
        const copy = `${folder}/${form}.ckpt`;
        Deno.writeFileSync(copy, torchBytes(file, { form, below }));
        const pickled = openModel(copy, { vae: copy });
        assert.equal(pickled.family.name, "sd1");
        assert.deepEqual([...pickled.shapes].sort(), [...model.shapes].sort());
        for (const [key, place] of pickled.places) {
          assert.deepEqual(place.file.bytes(place.key), file.bytes(model.places.get(key)!.key), key);
        }
        pickled.close();
      }
    }
    model.close();
  }));

Deno.test("what is no part of an SD1 or SD2 model is kept beside it, with SDXL it is refused", () =>
  withFolder((folder) => {
    const path = `${folder}/more.safetensors`;
    for (const family of ["sd1", "sd2", "sdxl"] as const) {
      const key = `${UNET}.surprise`;
      writeCheckpoint(path, new Map([...smallCheckpoint(family), [key, [1]], ["model_ema.decay", []]]));
      if (family === "sdxl") {
        assert.throws(() => openModel(path), /surprise is no tensor of this model/);
        continue;
      }
      const model = openModel(path);
      assert.deepEqual([...model.rest.keys()].sort(), [key, "model_ema.decay"].sort());
      assert.ok(!model.shapes.has(key));
      model.close();
    }
  }));

Deno.test("keys as they are found in the wild are those of an original checkpoint", () =>
  withFolder((folder) => {
    const path = `${folder}/wild.safetensors`;
    // the average's names are known for U-Nets built like the published ones
    const unet = { ...SMALL_UNET.sd1, channels: [32, 64, 96, 96], depths: [1, 1, 1, 0], resBlocks: 2 };
    const shapes = new Map([
      ...[...smallCheckpoint("sd1")].filter(([key]) => !key.startsWith(UNET)),
      ...under(`${UNET}.`, unetShapes(unet)),
    ]);
    const forms: Record<string, (key: string) => string> = {
      "model. before all": (key) => `model.${key}`,
      "module.model. before all": (key) => `module.model.${key}`,
      "only the average of the U-Net": (key) =>
        key.startsWith(UNET) ? `model_ema.${key.slice("model.".length).replaceAll(".", "")}` : key,
    };
    for (const [what, name] of Object.entries(forms)) {
      writeCheckpoint(path, new Map([...shapes].map(([key, shape]) => [name(key), shape])));
      const model = openModel(path);
      assert.deepEqual([...model.shapes.keys()].sort(), [...shapes.keys()].sort(), what);
      model.close();
    }
  }));

Deno.test("what ComfyUI and others save beside a model changes nothing of it", () =>
  withFolder((folder) => {
    const path = `${folder}/saved.safetensors`;
    const beside: Record<FamilyName, string[]> = {
      sd1: ["transformer.text_projection.weight", "text_projection", "logit_scale"]
        .map((key) => `cond_stage_model.${key}`).concat("denoiser.sigmas", "model_ema.num_updates"),
      sd2: ["cond_stage_model.model.logit_scale", "sqrt_one_minus_alphas_cumprod"],
      sdxl: [
        "0.transformer.text_projection.weight",
        "0.text_projection",
        "0.logit_scale",
        "1.model.logit_scale",
      ]
        .map((key) => `conditioner.embedders.${key}`).concat("denoiser.sigmas"),
    };
    for (const [name, keys] of Object.entries(beside)) {
      const shapes = smallCheckpoint(name as FamilyName);
      writeCheckpoint(path, new Map([...shapes, ...keys.map((key) => [key, [1]] as const)]));
      const model = openModel(path);
      assert.equal(model.family.name, name);
      assert.deepEqual([...model.shapes.keys()].sort(), [...shapes.keys()].sort());
      assert.deepEqual([...model.rest.keys()].sort(), keys.sort());
      model.close();
    }
  }));

Deno.test("an SDXL refiner is told by name", () =>
  withFolder((folder) => {
    const path = `${folder}/refiner.safetensors`;
    const keys = [...smallCheckpoint("sdxl")].filter(([key]) => !key.startsWith("conditioner.embedders.0."))
      .map(([key, shape]) =>
        [key.replace("conditioner.embedders.1.", "conditioner.embedders.0."), shape] as const
      );
    writeCheckpoint(path, new Map(keys));
    assert.throws(() => openModel(path), /refiner\.safetensors: is an SDXL refiner/);
  }));

Deno.test("a U-Net alone takes its text encoders and autoencoder from elsewhere", () =>
  withFolder((folder) => {
    const file = (name: string) => `${folder}/${name}.safetensors`;
    const write = (name: string, pattern: RegExp, family: FamilyName, strip = 0) => {
      const part = [...smallCheckpoint(family)].filter(([key]) => pattern.test(key));
      writeCheckpoint(file(name), new Map(part.map(([key, shape]) => [key.slice(strip), shape])));
      return file(name);
    };
    const vae = write("vae", /^first_stage/, "sd1");
    for (const strip of [0, UNET.length + 1]) {
      const unet = write("unet", /diffusion_model/, "sd1", strip);
      assert.throws(() => openModel(unet), /is a U-Net on its own.*--text_encoder.*--vae/);
      const model = openModel(unet, {
        vae,
        textEncoder: write("text", /^cond_stage/, "sd1", "cond_stage_model.transformer.".length),
      });
      assert.deepEqual([...model.shapes.keys()].sort(), [...smallCheckpoint("sd1").keys()].sort());
      model.close();
    }
    const unet = write("unet", /diffusion_model/, "sdxl"), whole = write("whole", /^/, "sdxl");
    const model = openModel(unet, { vae: whole, clipL: whole, clipG: whole });
    assert.deepEqual([...model.shapes.keys()].sort(), [...smallCheckpoint("sdxl").keys()].sort());
    model.close();
    assert.throws(
      () => openModel(unet, { vae, textEncoder: whole }),
      /SDXL, which has two text encoders; give --clip_l/,
    );
    assert.throws(() => openModel(whole, { clipL: vae }), /holds no text encoder/);
  }));

Deno.test("old checkpoints without the level text_model open under today's names", () =>
  withFolder((folder) => {
    const path = `${folder}/old.safetensors`, shapes = smallCheckpoint("sd1");
    writeCheckpoint(
      path,
      new Map([...shapes].map(([key, shape]) => [key.replace(".text_model.", "."), shape])),
    );
    const model = openModel(path);
    assert.deepEqual([...model.shapes.keys()].sort(), [...shapes.keys()].sort());
    model.close();
  }));

Deno.test("missing, misshaped, unknown and mixed tensors are one line that names them", () =>
  withFolder((folder) => {
    const path = `${folder}/broken.safetensors`, shapes = smallCheckpoint("sd1");
    const key = `${UNET}.input_blocks.1.0.in_layers.2.bias`;
    const broken = (change: (m: Map<string, readonly number[]>) => void, message: RegExp) => {
      const changed = new Map(shapes);
      change(changed);
      writeCheckpoint(path, changed);
      assert.throws(() => openModel(path), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(path) && !error.message.includes("\n"), error.message);
        return true;
      });
    };
    broken((m) => m.delete(key), /in_layers\.2\.bias is missing/);
    broken((m) => m.set(key, [31]), /in_layers\.2\.bias is \[31\], this model takes \[32\]/);
    const encoder = "cond_stage_model.transformer.text_model";
    const sdxl = [...smallCheckpoint("sdxl")].filter(([name]) => !name.endsWith(".text_projection"));
    broken((m) => {
      m.clear();
      for (const [name, shape] of sdxl) m.set(name, shape);
    }, /text_projection is missing/);
    broken((m) => m.set(`${encoder}.surprise`, [1]), /surprise is no tensor of this model/);
    broken(
      (m) => [...below(m, `${VAE}.`).keys()].forEach((k) => m.delete(`${VAE}.${k}`)),
      /no autoencoder.*--vae/,
    );
    broken((m) => {
      for (const [k, shape] of m) if (/attn2\.to_[kv]/.test(k)) m.set(k, [shape[0], 48]);
    }, /gives 32 values a token, its U-Net takes 48/);
    broken(
      (m) => m.set(`${UNET}.input_blocks.0.0.weight`, [32, 9, 3, 3]),
      /inpainting model.*9 channels.*draws with such models \(gen_img\) and trains them with --train_inpainting/,
    );
  }));

Deno.test("an autoencoder of its own replaces the checkpoint's, under any of its names", () =>
  withFolder((folder) => {
    const path = `${folder}/model.safetensors`, vae = `${folder}/vae.safetensors`;
    const shapes = smallCheckpoint("sd1"), small = vaeShapes(SMALL_VAE);
    const withoutVae = new Map([...shapes].filter(([key]) => !key.startsWith(VAE)));
    writeCheckpoint(path, withoutVae);
    const diffusers = new Map(vaeKeys(small).map((row) => [row.other, row.otherShape]));
    const old = new Map([...diffusers].map(([key, shape]) => [
      key.replace("to_q", "query").replace("to_k", "key").replace("to_v", "value").replace(
        "to_out.0",
        "proj_attn",
      ),
      shape,
    ]));
    for (const layout of [small, under(`${VAE}.`, small), diffusers, old]) {
      writeCheckpoint(vae, layout);
      const model = openModel(path, { vae });
      const names = [...below(model.shapes, `${VAE}.`).keys()];
      assert.deepEqual(names.sort(), [...small.keys()].sort());
      model.close();
    }
    writeCheckpoint(vae, shapes);
    openModel(path, { vae }).close(); // a whole checkpoint has one too
    writeCheckpoint(vae, new Map([["x.lora_down.weight", [1, 1]]]));
    assert.throws(() => openModel(path, { vae }), /vae\.safetensors: is a LoRA/);
  }));
