import { ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { JobEvent } from "../../src/base/events.ts";
import { loadImage } from "../../src/data/mod.ts";
import { runDemo } from "../../src/demo/demo.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { listening } from "../training/tiny_run.ts";

Deno.test("the demo's LoRA changes what it was trained on far more than anything else", async () => {
  const outputDir = Deno.makeTempDirSync({ prefix: "easel-demo-" });
  const drawn: string[] = [];
  const context = {
    ...listening(),
    emit: (event: JobEvent) => void (event.event === "sample" && drawn.push(event.path)),
  };
  await runDemo({ outputDir, threads: 0, device: "cpu", vramBudget: null, noVendorLibs: false }, context);
  const [before, after] = await Promise.all(
    ["before.png", "after.png"].map((name) => loadImage(join(outputDir, name))),
  );
  const columns = 6, cell = before.width / columns;
  const changes = new Float64Array(columns);
  for (let i = 0; i < before.data.length; i++) {
    const column = Math.min(columns - 1, Math.floor(Math.floor(i / 3) % before.width / cell));
    changes[column] += Math.abs(before.data[i] - after.data[i]);
  }
  const [moka, others] = [changes.subarray(0, 3), changes.subarray(3)].map((c) =>
    c.reduce((a, b) => a + b) / 3
  );
  ok(moka > 1.5 * others, `moka has changed by ${moka}, other things by ${others}`);
  ok((await loadImage(join(outputDir, "grid.png"))).height > before.height);
  strictEqual(drawn.length, 2 * columns);
  ok(drawn.every((path) => Deno.statSync(path).isFile), "pictures that events name are kept");
  using lora = openSafetensors(join(outputDir, "moka.safetensors"));
  ok(lora.keys().length > 100);
  ok(context.events.some((e) => e.task === "training" && e.step === e.total));
  Deno.removeSync(outputDir, { recursive: true });
});
