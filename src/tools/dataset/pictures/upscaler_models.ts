/** The autoencoder and the network of latent_upscaler on a device. */

import { joined } from "../../../base/joined.ts";
import type { JobContext } from "../../../base/job.ts";
import { openCheckpoint } from "../../../formats/mod.ts";
import { Programs } from "../../../graph/mod.ts";
import type { Pixels } from "../../../images/pixels.ts";
import { decode, loadMissing, openVae, VAE, Weights } from "../../../models/mod.ts";
import { loadUpscaler } from "../../../models/upscaler/load.ts";
import { upscaler } from "../../../models/upscaler/upscaler.ts";
import { TorchGenerator } from "../../../random/mod.ts";
import { openChosenDevice, ParameterStore } from "../../../runtime/mod.ts";
import type { DeviceConfig } from "../../../runtime/options.ts";
import { LatentEncoder } from "../../../training/objective/latents.ts";

export interface UpscalerModelsConfig extends DeviceConfig {
  readonly vaePath: string;
  readonly weights: string;
  /** Pictures that the autoencoder takes at once. */
  readonly vaeBatchSize: number;
  /** Of the noise that samples the latents; null draws one. */
  readonly seed: number | null;
}

export interface UpscalerModels {
  /** Enlarged pictures of one size -> the same, sharp. */
  upscale(enlarged: readonly Pixels[]): Promise<Pixels[]>;
  /** Enlarged pictures -> sampled latents and refined ones, (N, h, w, 4), not scaled. */
  refine(enlarged: readonly Pixels[]): Promise<{ sampled: Float32Array; refined: Float32Array }>;
  close(): void;
}

/** Throws UserError for files that are no autoencoder or no upscaler. */
export function openModels(
  config: UpscalerModelsConfig,
  { log }: Pick<JobContext, "log">,
): UpscalerModels {
  const vae = openVae(config.vaePath), { threads, vramBudget, noVendorLibs, vaeBatchSize } = config;
  const options = { threads, limitBytes: vramBudget ?? undefined, noVendorLibs };
  const device = openChosenDevice(config.device, options, log), store = new ParameterStore(device);
  using file = openCheckpoint(config.weights);
  const shapes = loadUpscaler(file, store),
    load = (graph: Parameters<typeof loadMissing>[0]) => loadMissing(graph, store, vae);
  const encoder = new LatentEncoder({ shapes: vae.shapes, store, source: vae.path, vaeDtype: "f32", load });
  const programs = new Programs<string>(store, { load, kept: 6 });
  const torch = new TorchGenerator(config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const { channels, factor } = encoder.latent;
  const latents = (
    n: number,
    height: number,
    width: number,
  ) => [n, height / factor, width / factor, channels];
  const refine = async (enlarged: readonly Pixels[]) => {
    const { width, height } = enlarged[0],
      count = enlarged.length,
      latent = latents(count, height, width);
    const sampled = await inParts(count, vaeBatchSize, (from, to) => {
      const pixels = Float32Array.from(
        joined(Uint8Array, enlarged.slice(from, to).map(({ data }) => data)),
        (x) => x / 127.5 - 1,
      );
      return encoder.encode(pixels, to - from, height, width, torch).then(({ latents }) => latents);
    });
    const { refined } = await programs.run(`upscaler ${latent}`, (graph) => {
      graph.output(
        "refined",
        upscaler(graph.input("latents", latent), Weights.over(graph, shapes, { source: file.path })),
      );
    }, { latents: sampled });
    return { sampled, refined };
  };
  return {
    refine,
    async upscale(enlarged) {
      const { width, height } = enlarged[0],
        { refined } = await refine(enlarged),
        one = refined.length / enlarged.length;
      const pictures = await inParts(enlarged.length, vaeBatchSize, async (from, to) => {
        const { picture } = await programs.run(`decode ${to - from} ${height} ${width}`, (graph) => {
          const x = graph.input("latents", latents(to - from, height, width));
          graph.output(
            "picture",
            decode(x, Weights.over(graph, vae.shapes, { source: vae.path }).at(VAE)),
          );
        }, { latents: refined.subarray(from * one, to * one) });
        return picture;
      });
      const bytes = Uint8Array.from(pictures, (x) => Math.max(0, Math.min(255, (x + 1) * 127.5)));
      const size = width * height * 3;
      return enlarged.map((_, i) => ({
        width,
        height,
        channels: 3,
        data: bytes.subarray(i * size, (i + 1) * size),
      }));
    },
    close() {
      programs.destroy();
      encoder.destroy();
      store.destroy();
      device.close();
      vae.close();
    },
  };
}

/** One part after the other, joined. */
async function inParts(
  count: number,
  size: number,
  work: (from: number, to: number) => Promise<Float32Array>,
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (let from = 0; from < count; from += size) parts.push(await work(from, Math.min(count, from + size)));
  return joined(Float32Array, parts);
}
