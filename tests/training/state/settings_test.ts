/** What a state remembers of the options. */

import assert from "node:assert/strict";
import { float, forgotten, group, noEffect, same, secret, str } from "../../../src/options/mod.ts";
import { describeSettings } from "../../../src/training/state/settings.ts";

Deno.test("a state remembers what rows say, and never a key or token", () => {
  const groups = [
    group("Toys", {
      toy_scale: float(1, "scale"),
      toy_kind: same(str("bear", "kind"), (kind) => kind.toLowerCase()),
      toy_box: forgotten(str(null, "box")),
      toy_token: secret(str(null, "token")),
      toy_color: noEffect("all are red", str(null, "color")),
    }),
  ];
  const config = { toyScale: 2, toyKind: "Bear", toyBox: "b", toyToken: "hf_x", toyColor: "red" };
  const run = {
    seed: 3,
    length: { batchesPerEpoch: 1, stepsPerEpoch: 1, epochs: 1, steps: 1 },
    group: { datasets: [], orders: [], seed: 0 },
  };
  const { fingerprint, settings } = describeSettings(
    config as Parameters<typeof describeSettings>[0],
    groups,
    run,
  );
  assert.deepEqual(settings, { "--toy_scale": "2" });
  assert.deepEqual([fingerprint["--toy_kind"], fingerprint["--seed"]], ["bear", "3"]);
  assert.ok(!JSON.stringify([fingerprint, settings]).includes("hf_x"));
});
