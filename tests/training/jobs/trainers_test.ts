/** What holds for every command that trains: trainers.ts has the list. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openCheckpoint } from "../../../src/formats/mod.ts";
import { closeTo, listening, peakOf, TINY_SDXL } from "../tiny_run.ts";
import { runTrainer, STEPS, type Trainer, TRAINERS, writeInputs } from "../trainers.ts";

const inputs = Deno.makeTempDirSync({ prefix: "easel-trainers-" });
writeInputs(inputs);
globalThis.addEventListener("unload", () => Deno.removeSync(inputs, { recursive: true }));

const file = ({ file }: Trainer) => file ?? "thing.safetensors";

/** Tensors by key; the metadata hold times. */
function tensors(path: string): Map<string, Uint8Array> {
  using open = openCheckpoint(path);
  return new Map(open.keys().map((key) => [key, open.bytes(key)]));
}

for (const [name, trainer] of Object.entries(TRAINERS)) {
  Deno.test(`${name}: takes the memory that is planned; killed -9 after a step, the resumed run ends bit for bit like one that ran through`, async () => {
    const folder = join(inputs, name);
    Deno.mkdirSync(folder);
    for (const input of ["sd1.safetensors", "sdxl.safetensors", "images", "edges", "shapes"]) {
      Deno.symlinkSync(join(inputs, input), join(folder, input));
    }
    const script = new URL("../trainers.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", script, name, folder],
      stdout: "null",
      stderr: "piped",
    }).output();
    const plan = await runTrainer(trainer, folder, "planned", { what: "plan" });
    assert.ok(plan && plan.steps === STEPS && plan.parameterBytes > 0 && plan.secondsPerStep > 0);
    assert.throws(
      () => Deno.statSync(join(folder, "planned")),
      Deno.errors.NotFound,
      "a plan writes nothing",
    );
    const context = listening();
    await runTrainer(trainer, folder, "whole", { context });
    closeTo(plan.programBytes + plan.parameterBytes, peakOf(context));
    const { signal, stderr } = await child;
    assert.equal(signal, "SIGKILL", new TextDecoder().decode(stderr));
    const resume = ["--resume", join(folder, "killed/thing-step00000001-state")];
    await runTrainer(trainer, folder, "killed", { more: resume });
    const whole = tensors(join(folder, "whole", file(trainer)));
    assert.deepEqual(tensors(join(folder, "killed", file(trainer))), whole);
    assert.ok(whole.size > 0);
    assert.match(context.lines.join("\n"), /trainable parameters, seed 5/);
    Deno.removeSync(folder, { recursive: true });
  });
}

Deno.test("a plan takes pictures of other sizes as caching them does, and writes no cache", async () => {
  const folder = join(inputs, "images/1_thing"),
    files = () => [...Deno.readDirSync(folder)].map((f) => f.name);
  const before = files(), trainer = TRAINERS["LLLite"];
  const more = ["--resolution", "96", "--cache_latents_to_disk", "--cache_text_encoder_outputs_to_disk"];
  const plan = await runTrainer(trainer, inputs, "planned", { what: "plan", more });
  assert.ok(plan && plan.steps === STEPS);
  assert.deepEqual(files(), before);
});

Deno.test("--fused_optimizer_groups: no plan keeps gradients, unless the optimizer needs all of them", async () => {
  const planned = async (flags: string) => {
    const context = listening(), line = `sdxl_train --learning_rate 1e-4 ${flags}`;
    const plan = await runTrainer({ line, sdxl: true }, inputs, "planned", { what: "plan", context });
    return { ...plan!, told: context.lines.filter((told) => told.includes("fused_optimizer_groups")) };
  };
  const [kept, freed, shared] = [
    await planned("--optimizer_type Lion"),
    await planned("--optimizer_type Lion --fused_optimizer_groups 3"),
    await planned("--optimizer_type Prodigy --fused_optimizer_groups 3"),
  ];
  const trained = [...TINY_SDXL.shapes].filter(([key]) => key.startsWith("model.diffusion_model."));
  const gradients = 4 * trained.reduce((sum, [, shape]) => sum + shape.reduce((n, d) => n * d, 1), 0);
  assert.equal(kept.parameterBytes - freed.parameterBytes, gradients);
  assert.ok(freed.programBytes - kept.programBytes < gradients / 4, "nor does a step");
  assert.deepEqual([kept.told, freed.told], [[], []]);
  assert.match(
    shared.told.join(),
    /^warning: --fused_optimizer_groups keeps all gradients: this optimizer's rate needs/,
  );
});

Deno.test("with --compat gradients of blocks whose rate is 0 add up in sdxl_train's norm", async () => {
  const norms = async (rest: number, ...more: string[]) => {
    const rates = Array.from({ length: 23 }, (_, block) => block % 2 ? rest : 1e-12).join();
    const line = `sdxl_train --optimizer_type SGDNesterov --block_lr ${rates}`, context = listening();
    await runTrainer({ line, sdxl: true }, inputs, "blocks", { context, more });
    return context.events.flatMap(({ details }) => details?.gradNorm ?? []);
  };
  const compat = ["--compat", "0.9.1"];
  const all = await norms(1e-12, ...compat), some = await norms(0), gathered = await norms(0, ...compat);
  const off = (i: number) => Math.abs(gathered[i] / all[i] - 1);
  assert.ok(off(0) < 1e-6 && some[0] < 0.99 * all[0], "what rests counts");
  assert.ok(gathered.length === STEPS && off(1) > 1e-3, "and is not cleared");
});
