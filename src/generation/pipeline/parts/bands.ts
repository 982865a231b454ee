/**
 * The autoencoder's large layers in bands of rows: the device holds one band, the host the activations between two resnets.
 * Group norms take the statistics of all bands, found in a run of their own, so that the result is that of the whole
 * picture but for rounding: no seams, no shifted colours.
 */

import {
  add,
  cast,
  type Graph,
  groupNorm,
  mul,
  type Programs,
  slice,
  sub,
  type Tensor,
} from "../../../graph/mod.ts";
import {
  head,
  type Norm,
  NORM_EPS,
  resnet,
  resnetMiddle,
  VAE,
  type VaePiece,
  type Weights,
} from "../../../models/mod.ts";
import type { Values } from "../../../runtime/mod.ts";
import { type DrawingModel, weightsIn } from "../model.ts";
import { giveBack, HostRows, type Stored } from "./host_rows.ts";

/** How many rows of activations go through at once. */
export type Bands = (size: { height: number; width: number; channels: number }) => number;

/** --vae_tiling: 32 MB of float32 for each tensor of a band; a program holds about five of them. */
export const BOUNDED: Bands = ({ width, channels }) => Math.floor(2 ** 23 / (width * channels));

/** --vae_slices */
export function bandsOf(count: number): Bands {
  return ({ height }) => Math.ceil(height / count);
}

/** Bands are at least so high: what is computed around them and thrown away is as much. */
const LEAST = 4;

/** Of a norm's groups, or of each channel's group: the mean, and one divided by the standard deviation. */
interface Statistics {
  readonly mean: Float32Array;
  readonly rstd: Float32Array;
}

/** What is recorded of a piece: its resnet, or the decoder's head. */
interface Stage {
  readonly name: string;
  readonly scale: number;
  readonly channels: { readonly seen: number; readonly out: number };
  readonly norms: readonly string[];
  /** Convolutions of 3x3 in `enter`, before the norm at a place, and in `finish`, each with those before. */
  readonly reach: { readonly seen: readonly number[]; readonly finish: number };
  enter(x: Tensor, w: Weights): Tensor;
  /** What the norm that comes after those before sees. */
  seen(place: number, h: Tensor, w: Weights, norm: Norm): Tensor;
  finish(h: Tensor, w: Weights, norm: Norm): Tensor;
}

export class BandRunner {
  constructor(
    private readonly model: DrawingModel,
    private readonly programs: Programs<string>,
    private readonly bands: Bands,
  ) {}

  /** Through the pieces, and through the decoder's head where `withHead`. `rows` of the autoencoder's dtype are used up. */
  async run(rows: HostRows, pieces: readonly VaePiece[], withHead: boolean): Promise<HostRows> {
    const stages = pieces.map((piece) => resnetStage(piece, this.model));
    if (withHead) stages.push(headStage(this.model));
    let x = rows;
    for (const stage of stages) {
      const { width, dtype } = x, { device } = this.model.store;
      const result = new HostRows(width * stage.scale, stage.channels.out, dtype, device);
      try {
        await this.#stage(x, stage, result);
      } catch (error) {
        result.forget(result.height);
        throw error;
      } finally {
        x.forget(x.height);
      }
      x = result;
    }
    return x;
  }

  /** Statistics of each norm in turn, then the result. */
  async #stage(x: HostRows, stage: Stage, result: HostRows): Promise<void> {
    const known = new Map<string, Statistics>();
    const size = { height: x.height * stage.scale, width: x.width * stage.scale };
    for (const [place, name] of stage.norms.entries()) {
      const parts: (Statistics & { rows: number })[] = [];
      await this.#eachBand(x, stage, size, stage.reach.seen[place], async (band) => {
        const key = `${stage.name} statistics ${place}`;
        const { call, rows } = this.#program(key, x, stage, band, known, (graph, h, w, norm) => {
          const { weight, bias } = w.at(name).norm(), seen = band.kept(stage.seen(place, h, w, norm));
          const [, mean, rstd] = groupNorm(seen, weight, bias, { eps: NORM_EPS }).node.outputs;
          graph.output("mean", mean);
          graph.output("rstd", rstd);
        });
        const out = await this.programs.run(...call);
        giveBack(rows);
        parts.push({ mean: out.mean, rstd: out.rstd, rows: band.to - band.from });
      });
      const [channels] = this.model.shapes.get(`${VAE}.${name}.weight`)!;
      known.set(name, together(parts, channels));
    }
    await this.#eachBand(x, stage, size, stage.reach.finish, async (band) => {
      x.forget(band.input.from);
      const { call, rows } = this.#program(
        `${stage.name} out`,
        x,
        stage,
        band,
        known,
        (graph, h, w, norm) => {
          graph.output("out", band.kept(stage.finish(h, w, norm)));
        },
      );
      const { out } = await this.programs.runBytes(...call);
      giveBack(rows);
      result.addBytes(out);
    });
  }

  async #eachBand(
    x: HostRows,
    { scale, channels }: Stage,
    { height, width }: { height: number; width: number },
    reach: number,
    work: (band: Band) => Promise<void>,
  ): Promise<void> {
    const most = this.bands({ height, width, channels: Math.max(x.channels, channels.seen) });
    const rows = Math.max(LEAST, most - most % 2);
    for (let from = 0; from < height; from += rows) {
      await work(new Band(from, Math.min(height, from + rows), height, scale, reach));
    }
  }

  /** What a program is run by, and the rows among its inputs, which are of no use afterwards. */
  #program(
    key: string,
    x: HostRows,
    stage: Stage,
    band: Band,
    known: ReadonlyMap<string, Statistics>,
    record: (graph: Graph, h: Tensor, w: Weights, norm: Norm) => void,
  ): { call: [string, (graph: Graph) => void, Record<string, Values>]; rows: Stored } {
    const { from, to } = band.input, { width, channels, dtype } = x, seen = x.rows(from, to);
    const inputs: Record<string, Values> = { x: seen };
    for (const [name, { mean, rstd }] of known) {
      Object.assign(inputs, { [`${name} mean`]: mean, [`${name} rstd`]: rstd });
    }
    const described = (graph: Graph) => {
      const w = weightsIn(graph, this.model, "vae").at(VAE);
      const rows = graph.input("x", [1, to - from, width, channels], dtype);
      const norm: Norm = (h, at) => given(h, at, at.path.slice(w.path.length + 1));
      record(graph, stage.enter(rows, w), w, norm);
    };
    return { call: [`${key} ${width} ${band.shape}`, described, inputs], rows: seen };
  }
}

/** Output rows `from` to `to`, with the rows around them that their result needs: `reach` of them, made an even number. */
class Band {
  readonly #above: number;
  readonly #below: number;

  constructor(
    readonly from: number,
    readonly to: number,
    height: number,
    private readonly scale: number,
    reach: number,
  ) {
    const margin = reach + reach % 2;
    this.#above = Math.min(margin, from);
    this.#below = Math.min(margin, height - to);
  }

  get input(): { from: number; to: number } {
    return { from: (this.from - this.#above) / this.scale, to: (this.to + this.#below) / this.scale };
  }

  /** Bands of one shape have one program. */
  get shape(): string {
    return [this.#above, this.to - this.from, this.#below].join("+");
  }

  kept(h: Tensor): Tensor {
    return slice(h, 1, this.#above, this.to - this.from);
  }
}

/** (h - mean) * rstd * gain + shift, with statistics of all bands. */
function given(h: Tensor, w: Weights, name: string): Tensor {
  const { weight, bias } = w.norm(), { graph } = h, [channels] = weight.shape;
  const input = (what: string) => cast(graph.input(`${name} ${what}`, [channels]), h.dtype);
  return add(mul(sub(h, input("mean")), mul(input("rstd"), weight)), bias);
}

/** The statistics of all bands, by channel: variances within bands, and of their means. */
function together(parts: readonly (Statistics & { readonly rows: number })[], channels: number): Statistics {
  const groups = parts[0].mean.length, total = parts.reduce((sum, { rows }) => sum + rows, 0);
  const over = (value: (part: typeof parts[number]) => number) =>
    parts.reduce((sum, part) => sum + part.rows * value(part), 0) / total;
  const of = Array.from({ length: groups }, (_, g) => {
    const mean = over((part) => part.mean[g]);
    const variance = over((part) => part.rstd[g] ** -2 - NORM_EPS + (part.mean[g] - mean) ** 2);
    return { mean, rstd: 1 / Math.sqrt(variance + NORM_EPS) };
  });
  const group = (channel: number) => of[Math.floor(channel * groups / channels)];
  return {
    mean: Float32Array.from({ length: channels }, (_, c) => group(c).mean),
    rstd: Float32Array.from({ length: channels }, (_, c) => group(c).rstd),
  };
}

function resnetStage(
  { block, scale, enter, convolutions: first }: VaePiece,
  { shapes }: DrawingModel,
): Stage {
  const shape = (name: string) => shapes.get(`${VAE}.${block}.${name}.weight`)!;
  return {
    ...{ name: block, scale, enter },
    channels: { seen: Math.max(shape("conv1")[0], shape("conv1")[1]), out: shape("conv2")[0] },
    norms: [`${block}.norm1`, `${block}.norm2`],
    reach: { seen: [first, first + 1], finish: first + 2 },
    seen: (place, h, w, norm) => place === 0 ? h : resnetMiddle(h, w.at(block), norm),
    finish: (h, w, norm) => resnet(h, w.at(block), norm),
  };
}

function headStage({ shapes }: DrawingModel): Stage {
  const [out, seen] = shapes.get(`${VAE}.decoder.conv_out.weight`)!;
  return {
    ...{
      name: "decoder.head",
      scale: 1,
      enter: (x) => x,
      channels: { seen, out },
      norms: ["decoder.norm_out"],
      reach: { seen: [0], finish: 1 },
    },
    seen: (_, h) => h,
    finish: (h, w, norm) => head(h, w.at("decoder"), norm),
  };
}
