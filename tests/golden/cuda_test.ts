/** A whole U-Net, forward and backward, on the simulated GPU against the reference: the golden case of sd1-tiny. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { noCuda, openTestDevice } from "../kernels/devices.ts";
import type { GoldenCase } from "./case.ts";
import { onDevices } from "./device.ts";
import { loadTopics, outcomeLine, readCase, runCase } from "./runner.ts";

const CASES = ["unet/sd1_tiny_16x16_d"];

for (const name of CASES) {
  Deno.test({
    name: `golden ${name} on cuda${noCuda ? ` (${noCuda})` : ""}`,
    ignore: noCuda !== null,
    async fn() {
      const c = readCase(join(import.meta.dirname!, "data", `${name}.json`)) as GoldenCase;
      const topics = await loadTopics();
      const outcome = await onDevices(() => openTestDevice("cuda", "fast"), () => runCase(c, topics));
      assert.equal(outcome.kind, "pass", outcomeLine(name, outcome));
    },
  });
}
