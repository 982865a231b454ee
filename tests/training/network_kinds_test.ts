/** Every --network_module trained to its file, which is read back and trained on. */

import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../src/formats/mod.ts";
import { loadLora } from "../../src/networks/mod.ts";
import type { TrainNetworkConfig } from "../../src/training/options.ts";
import { trainNetwork } from "../../src/training/jobs/train_network.ts";
import { listening, TINY, tinyRun } from "./tiny_run.ts";

interface Row {
  readonly module: string;
  readonly args?: readonly string[];
  readonly dim?: number;
  readonly alpha?: number;
  /** Suffixes of the file's keys. */
  readonly suffixes: readonly string[];
  /** The kind that the file is read as. */
  readonly kind: string;
  /** One that starts from zero. */
  readonly moves: string;
}

const LORA = {
  suffixes: ["alpha", "lora_down.weight", "lora_up.weight"],
  kind: "LoRA",
  moves: "lora_up.weight",
};

const ROWS: readonly Row[] = [
  { module: "networks.lora_fa", args: ["conv_dim=2"], ...LORA },
  { module: "networks.dylora", args: ["unit=2", "conv_dim=4"], dim: 4, ...LORA },
  {
    ...{ module: "networks.oft", args: ["enable_all_linear=True", "enable_conv=True"], dim: 2, alpha: 1e-2 },
    ...{ suffixes: ["alpha", "oft_blocks"], kind: "OFT", moves: "oft_blocks" },
  },
];

for (const { module, args = [], dim = 2, alpha = 1, suffixes, kind, moves } of ROWS) {
  const name = [module, ...args].join(" ");
  Deno.test(`${name} is trained to a file, read back and trained on`, async () => {
    const { dir, config } = tinyRun(1);
    const path = join(dir, "out/thing.safetensors");
    const network = { networkModule: module, networkArgs: [...args], networkDim: dim, networkAlpha: alpha };
    try {
      await trainNetwork({ ...config, ...network, maxTrainSteps: 3 }, listening());
      const before = read(path);
      deepStrictEqual([...new Set([...before.keys()].map(suffixOf))].sort(), suffixes);
      const started = [...before].filter(([key]) => suffixOf(key) === moves);
      ok(started.some(([, values]) => values.some((v) => v !== 0)), `${moves} has moved from zero`);
      ok([...before.values()].every((values) => values.every(Number.isFinite)));
      using file = openSafetensors(path);
      const notes: string[] = [];
      const loaded = loadLora(file, TINY.shapes, TINY.family, (line) => void notes.push(line));
      deepStrictEqual(notes, []);
      ok(loaded.modules.some((m) => m.kind.name === kind), loaded.modules[0].kind.name);
      const more = { networkWeights: path, outputName: "more", maxTrainSteps: 1, learningRate: 1e-9 };
      await trainNetwork({ ...config, ...network, ...more }, listening());
      for (const [key, values] of read(join(dir, "out/more.safetensors"))) {
        const old = before.get(key)!;
        ok(values.every((v, i) => Math.abs(v - old[i]) < 1e-6), `${key} goes on from the file`);
      }
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

Deno.test("a network's options that cannot be are refused in one line", async () => {
  const { dir, config } = tinyRun(1);
  for (
    const [change, wanted] of ([
      [
        { networkModule: "networks.dylora", networkDim: 6, networkArgs: ["unit=4"] },
        /unit=4: --network_dim 6 is no/,
      ],
      [
        { networkModule: "networks.dylora", networkArgs: ["conv_dim=3"] },
        /conv_dim=3: DyLoRA has one rank; give 2/,
      ],
      [{ networkModule: "networks.dylora", networkDropout: 0.1 }, /networks\.dylora has no dropout/],
      [{ networkModule: "networks.oft", networkDim: 5 }, /outputs, which do not part into 5 blocks/],
      [{ networkModule: "networks.oft", networkArgs: ["conv_dim=3"] }, /networks\.oft has no such option/],
      [
        { networkModule: "networks.oft", scaleWeightNorms: 1 },
        /scale_weight_norms: networks\.oft does not have it/,
      ],
      [{ networkModule: "networks.loft" }, /networks\.loft is not supported yet; these are: networks\.lora,/],
    ] as [Partial<TrainNetworkConfig>, RegExp][])
  ) {
    await rejects(trainNetwork({ ...config, ...change }, listening()), wanted);
  }
  Deno.removeSync(dir, { recursive: true });
});

function suffixOf(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}

function read(path: string): Map<string, Float32Array> {
  using file = openSafetensors(path);
  return new Map(file.keys().map((key) => [key, file.f32(key)]));
}
