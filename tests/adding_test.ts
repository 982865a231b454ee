/**
 * What adding an optimizer, a sampler and a kind of network takes, see docs/architecture.md: toys that only this file
 * knows do all that theirs do, and nothing outside their tables knows one of them. tests/options/job_test.ts has the toy
 * job and option, tests/models/families_test.ts the rule for families.
 */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { overSigmas, sigmaSteps } from "../src/generation/samplers/over_sigmas/sigmas.ts";
import { combine, type Sampler, type SamplerOptions } from "../src/generation/samplers/sampler.ts";
import { add, elements, mul, reshape, sub } from "../src/graph/mod.ts";
import type { NetworkKind } from "../src/networks/kinds/kind.ts";
import { overChannels, withoutBias } from "../src/networks/kinds/parts.ts";
import { readAs } from "../src/networks/kinds/reading.ts";
import { NETWORKS } from "../src/networks/mod.ts";
import { NETWORK_MODULES } from "../src/networks/options.ts";
import { loraModule } from "../src/networks/sites/modules.ts";
import { wholeAlpha } from "../src/networks/sites/values.ts";
import { rule } from "../src/training/optimizers/optimizer.ts";
import { generatorStates, loadState, saveState, seededGenerators } from "../src/training/state/mod.ts";
import { stateArrays } from "../src/training/step/states.ts";
import { OPTIONS, run } from "./generation/samplers/known_solution.ts";
import { device } from "./kernels/devices.ts";
import { checkKind } from "./networks/kinds/check_kind.ts";
import { importsOf, sources } from "./sources.ts";
import { recordedRun } from "./training/optimizers/recorded_steps.ts";
import { STATE } from "./training/state/saved_state.ts";

/** Polyak's heavy ball, with a number that changes from step to step. */
const toyOptimizer = rule({
  states: { velocity: 0 },
  hyper: ({ lr, step }) => ({ lr, keep: 1 - 1 / (step + 1) }),
  update({ weight, grad, state: { velocity }, hyper: { lr, keep } }) {
    const moved = add(mul(velocity, keep), grad);
    return { weight: sub(weight, mul(moved, lr)), velocity: moved };
  },
});

Deno.test("an optimizer is a value: the step, the state's file and going on from it ask nothing else", async () => {
  const open = () => recordedRun(device("cpu"), toyOptimizer, null, [3, 9]), rates = [0.01, 0.02];
  using whole = open(), first = open(), second = open();
  const trained = {
    groups: first.step.options.groups,
    states: (group: Parameters<typeof stateArrays>[1], i: number) => stateArrays(toyOptimizer, group, i),
  };
  const start = whole.weights();
  for (const run of [whole, first]) for (const k of [0, 1]) await run.update(k, rates);
  const dir = Deno.makeTempDirSync(), generators = seededGenerators(1), path = join(dir, "state");
  const state = { ...STATE, step: { ...first.step.state } };
  saveState(path, state, generatorStates(generators), first.store, trained, () => {});
  Object.assign(second.step.state, loadState(path, {}, generators, second.store, trained).step);
  for (const run of [whole, second]) await run.update(2, rates);
  assert.deepEqual(second.weights(), whole.weights());
  assert.notDeepEqual(whole.weights(), start);
  Deno.removeSync(dir, { recursive: true });
});

/** Euler's method, written as a slope. */
function toySampler(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  return overSigmas(options, levels, (i, denoised, latents) => {
    const slope = combine([1 / sigmas[i], latents], [-1 / sigmas[i], denoised]);
    return combine([1, latents], [sigmas[i + 1] - sigmas[i], slope]);
  });
}

Deno.test("a sampler is a value: what it gives is what is drawn", () => {
  const start = Float32Array.of(-1.3, 0.4, 1.1, 2), options = { ...OPTIONS, steps: 12 };
  const { end } = run(toySampler, options, start), wanted = run("euler", options, start).end;
  end.forEach((x, i) => assert.ok(Math.abs(x - wanted[i]) < 1e-4, `${x} ${wanted[i]}`));
});

const GAIN = "toy_gain";

/** Each output of a layer times a trained number, twice. */
const toyKind: NetworkKind = {
  name: "Toy",
  marks: [GAIN],
  tensors: ({ shape: [out] }) => ({ [GAIN]: [out] }),
  read: (target, found) => readAs(toyKind.tensors(target, { rank: 1, alpha: wholeAlpha(1) }), found, 1),
  initial: ({ tensors: { [GAIN]: shape } }) => ({ [GAIN]: new Float32Array(elements(shape)) }),
  scale: () => 2,
  output(plain, t, strength) {
    const z = withoutBias(plain);
    return strength(mul(z, overChannels(t.at(GAIN), z)));
  },
  delta: (t, base) => mul(base(), reshape(t.at(GAIN), [t.module.shape[0], 1])),
};

Deno.test("a kind of network is a value: live, merged and its gradients follow", async () => {
  for (const shape of [[8, 6], [8, 4, 3, 3]]) {
    const target = { name: "lora_unet_layer", path: "layer", part: "unet" as const, shape };
    await checkKind({
      module: loraModule(target, 1, wholeAlpha(1), toyKind, {}),
      change: ({ [GAIN]: gain }, base) =>
        base.map((w, i) => 2 * w * gain[Math.floor(i * gain.length / base.length)]),
    });
  }
});

/** Files of a table that others may import too: what all its rows share. */
const SHARED: Readonly<Record<string, RegExp>> = {
  "src/training/optimizers": /(mod|optimizer|options|arguments|shared_rate)\.ts$/,
  "src/generation/samplers": /(mod|sampler|spacings)\.ts$/,
};

Deno.test("nothing outside the table imports one optimizer or one sampler", () => {
  for (const [folder, shared] of Object.entries(SHARED)) {
    const inside = (path: string) => path.startsWith(`${folder}/`);
    const wrong = sources("src").filter((path) => !inside(path)).flatMap((path) =>
      importsOf(path).filter((target) => inside(target) && !shared.test(target))
        .map((target) => `${path} imports ${target}`)
    );
    assert.deepEqual(wrong, []);
  }
});

Deno.test("the names of networks for help are those of the table", () => {
  assert.deepEqual(NETWORK_MODULES, NETWORKS.map(({ name }) => name));
});

const MOST_FOR_HELP = 230;

Deno.test(`help loads ${MOST_FOR_HELP} modules at most, and nothing that computes`, () => {
  const seen = new Set(["main.ts"]);
  for (const path of seen) {
    for (const target of importsOf(path, "loaded")) seen.add(target);
    if (path === "main.ts") seen.add("src/training/jobs/train_network_job.ts");
  }
  assert.ok(seen.size > 100 && seen.size <= MOST_FOR_HELP, `${seen.size} modules`);
  const heavy = [...seen].map(dirname).filter((folder) =>
    /models\/(unet|clip|vae)|pipeline|codecs/.test(folder)
  );
  assert.deepEqual(heavy, []);
});
