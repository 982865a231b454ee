/** The autoencoder's encoder as training uses it: pictures to sampled latents, not multiplied by the scale factor. */
import { Programs } from "../../generation/pipeline/programs.ts";
import { type DrawingModel, weightsIn } from "../../generation/pipeline/model.ts";
import { encode, sampleLatents, VAE } from "../../models/mod.ts";
import type { TorchGenerator } from "../../random/mod.ts";
import { toChannelsLast } from "../../base/layout.ts";

export class LatentEncoder {
  readonly #programs: Programs;

  constructor(private readonly model: DrawingModel) {
    this.#programs = new Programs(model);
  }

  /** pixels (N, H, W, 3) in [-1, 1] -> (N, H / 8, W / 8, 4); draws the sample's noise from `torch`. */
  async encode(
    pixels: Float32Array,
    count: number,
    height: number,
    width: number,
    torch: TorchGenerator,
  ): Promise<{ latents: Float32Array; channels: number }> {
    const channels = this.model.shapes.get(`${VAE}.decoder.conv_in.weight`)![1];
    const [h, w] = [Math.floor(height / 8), Math.floor(width / 8)];
    const noise = toChannelsLast(torch.randn(count * channels * h * w), count, channels);
    const { latents } = await this.#programs.run(`${count} ${height} ${width}`, (graph) => {
      const pictures = graph.input("pixels", [count, height, width, 3]);
      const distribution = encode(pictures, weightsIn(graph, this.model, "vae").at(VAE));
      graph.output("latents", sampleLatents(distribution, graph.input("noise", distribution.mean.shape)));
    }, { pixels, noise });
    return { latents, channels };
  }

  /** Frees the programs and, since nothing else uses them then, the encoder's weights. */
  destroy(): void {
    this.#programs.destroy();
    const { store } = this.model;
    for (const name of store.names()) {
      if (name.startsWith(`${VAE}.encoder.`) || name.startsWith(`${VAE}.quant_conv.`)) store.free(name);
    }
  }
}
