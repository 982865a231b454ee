/** The program from argv to files: a LoRA trained, inspected, drawn with; Ctrl-C in the middle. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { easel, easelCommand } from "../easel.ts";
import { writePictures, writeTinyModel } from "../../training/tiny_run.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();

async function withModel(body: (folder: string, train: string[]) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "easel cli " });
  const model = join(folder, "model.safetensors");
  writeTinyModel(model);
  writePictures(join(folder, "data"), 3);
  const train = [
    "train_network",
    "--pretrained-model-name-or-path",
    model,
    "--train_data_dir",
    join(folder, "data"),
  ]
    .concat([
      "--output_dir",
      join(folder, "out"),
      "--output_name",
      "thing",
      "--resolution=64",
      "--threads",
      "1",
    ])
    .concat([
      "--network_module",
      "networks.lora",
      "--network_dim",
      "2",
      "--caption_extension",
      ".txt",
      "--seed",
      "5",
    ]);
  try {
    await body(folder, train);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("train_network, inspect and gen_img work together from the command line", async () => {
  await withModel(async (folder, train) => {
    const plan = await easel(["plan", ...train, "--max_train_steps", "3"]);
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /^3 steps in 1 epoch$/m);
    assert.match(plan.stdout, /^planned peak: [\d.]+ MB$/m);
    assert.match(plan.stdout, /^time: [\d.]+ s a step as measured now, about [\d:]+ in all$/m);
    assert.deepEqual(names(folder), ["data", "model.safetensors"]);

    const trained = await easel([...train, "--max_train_steps", "3", "--xformers"]);
    assert.equal(trained.code, 0, trained.stderr);
    assert.equal(trained.stdout, "");
    assert.match(trained.stderr, /--xformers has no effect/);
    assert.match(trained.stderr, /training 3\/3/);
    assert.deepEqual(names(join(folder, "out")), ["thing.safetensors"]);

    const lora = join(folder, "out/thing.safetensors");
    const inspected = await easel(["inspect", "--no_keys", lora]);
    assert.match(inspected.stdout, /a LoRA .*rank 2, alpha 1, \d+ modules$/m);
    assert.match(inspected.stdout, /^ {2}ss_steps: 3$/m);

    const model = join(folder, "model.safetensors");
    const draw = ["gen_img", "--ckpt", model, "--outdir", join(folder, "pictures"), "--W", "64", "--H", "64"]
      .concat(["--prompt", "a thing --d 1", "--steps", "2", "--threads", "1"])
      .concat(["--network_module", "networks.lora", "--network_weights", lora]);
    const drawn = await easel(draw);
    assert.equal(drawn.code, 0, drawn.stderr);
    assert.equal(names(join(folder, "pictures")).filter((name) => name.endsWith(".png")).length, 1);
  });
});

Deno.test("Ctrl-C during train_network saves weights and ends with 130", async () => {
  await withModel(async (folder, train) => {
    const child = easelCommand([...train, "--max_train_steps", "1000000", "--save_state"]).spawn();
    const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!/training [1-9]/.test(text) && !/training 0\/1000000/.test(text)) {
      const { value, done } = await reader.read();
      assert.ok(!done, text);
      text += value;
    }
    await new Promise((later) => setTimeout(later, 300));
    child.kill("SIGINT");
    for (let more = await reader.read(); !more.done; more = await reader.read()) text += more.value;
    await child.stdout.cancel();
    assert.equal((await child.status).code, 130, text);
    const files = names(join(folder, "out"));
    assert.ok(files.some((name) => name.endsWith(".safetensors")), files.join());
    assert.ok(files.some((name) => name.endsWith("-state")), files.join());
    assert.ok(!files.some((name) => name.endsWith(".tmp")), files.join());
  });
});

Deno.test("a damaged model ends with one line that names it", async () => {
  await withModel(async (folder, train) => {
    const model = join(folder, "model.safetensors");
    await Deno.truncate(model, 5000);
    const { code, stderr } = await easel(train);
    assert.equal(code, 1, stderr);
    assert.match(stderr.trimEnd().split("\n").at(-1)!, /^easel train_network: .*model\.safetensors: /);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });
});
