/** Optimizers that estimate their rate, step by step against recorded numbers of dadaptation and prodigyopt. */

import assert from "node:assert/strict";
import { rateNotes, readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { flat } from "../../../src/training/step/trainable.ts";
import { device, testOnEach } from "../../kernels/devices.ts";
import recorded from "./d_adaptation.json" with { type: "json" };
import { recordedRun } from "./recorded_steps.ts";

/** The rule in d_adaptation.json. */
const rateOf = (name: string, k: number) => k === 10 || k === 1 && name !== "DAdaptSGD" ? 0 : 1;

testOnEach(
  "Prodigy and D-Adaptation make the reference's steps and estimates, in one group or two",
  async (backend) => {
    for (const { name, args, after, d } of recorded.cases) {
      for (const sizes of [[12], [5, 7]]) {
        using run = recordedRun(device(backend), name, args, sizes);
        for (let k = 1; k <= 20; k++) {
          // the second group's own rate has no effect
          await run.update(k, sizes.map((_, i) => rateOf(name, k) * (1 - i / 2)));
          const wanted = (after as Record<string, number[]>)[k], estimate = (d as Record<string, number>)[k];
          if (!wanted) continue;
          const what = `${name} ${args.join(" ")}, ${sizes.length} groups, step ${k}`,
            now = run.step.state.numbers.d;
          const error = k === 1 ? 0 : run.changeError(wanted);
          assert.ok(error < 2e-4, `${what}: the change is ${error} off`);
          assert.ok(Math.abs(now / estimate - 1) < 1e-4, `${what}: d is ${now} instead of ${estimate}`);
        }
      }
    }
  },
);

testOnEach(
  "a group that is not reached, or has a rate of 0, stays and adds nothing to the estimate",
  async (backend) => {
    for (
      const [rates, reached] of [[[1, 0], [true, true]], [[1, 1], [true, false]], [[0, 1], [
        false,
        true,
      ]]] as const
    ) {
      const args = ["d0=0.001"], trained = reached[0] ? 0 : 1;
      using both = recordedRun(device(backend), "DAdaptAdaGrad", args, [6, 6]);
      using alone = recordedRun(device(backend), "DAdaptAdaGrad", args, [6, 6]);
      const other = flat.weights(1 - trained), before = both.store.download(other);
      for (let k = 1; k <= 5; k++) {
        await both.update(k, rates, reached);
        await alone.update(k, [1, 1], [trained === 0, trained === 1]);
      }
      assert.deepEqual(both.store.download(other), before);
      assert.deepEqual(both.step.state, alone.step.state);
      assert.deepEqual(both.weights(), alone.weights());
      assert.notDeepEqual(both.store.download(flat.weights(trained)), before);
    }
  },
);

Deno.test("rates that hold the estimate down, or have no effect, are told", () => {
  const notes = (...rates: number[]) =>
    rateNotes(
      readOptimizer("prodigy", null),
      rates.map((learningRate, i) => ({ name: `part ${i}`, learningRate })),
    );
  assert.deepEqual(notes(1, 0, 1), []);
  assert.match(notes(0, 1e-4).join("\n"), /^the learning rate 0.0001 multiplies .* give 1$/);
  assert.match(notes(1, 0.5).join("\n"), /the first one: 1; that of part 1, 0.5, has no effect$/);
  assert.match(
    rateNotes(readOptimizer("Adafactor", null), [])[0],
    /^relative_step=True has rates of its own/,
  );
  assert.deepEqual(rateNotes(readOptimizer("AdamW", null), [{ name: "unet", learningRate: 1e-4 }]), []);
});
