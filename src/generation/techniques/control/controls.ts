/** The ControlNets or LLLites of a run, on a device, and what they do in each evaluation. */

import { joined } from "../../../base/joined.ts";
import { cast, concat, type Graph, type Programs } from "../../../graph/mod.ts";
import type { Pixels } from "../../../images/pixels.ts";
import { resizePillow } from "../../../images/resampling/pillow.ts";
import {
  bicubicWeights,
  type Control,
  hintFeatures,
  interpolatedValues,
  type LatentShape,
  llliteAdapter,
  under,
  Weights,
} from "../../../models/mod.ts";
import type { DType } from "../../../base/dtype.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import { fromBytes } from "../../pictures/pixels.ts";
import { type Kind, type Opened, type Wanted, wholeWeights } from "./opened.ts";
import { preprocessNamed } from "./preprocess.ts";
import type { ControlRun, ControlStep } from "./step.ts";

/** A network on a device. */
interface Net extends Wanted, Pick<Control, "reachesMiddle"> {
  weights(graph: Graph): Weights;
}

/** How a network was trained to see pictures: LLLites with -1 to 1, ControlNets with 0 to 1. */
export type PictureRange = "signed" | "unit";

/** Networks on a device. */
export class Controls {
  private constructor(
    private readonly nets: readonly Net[],
    private readonly kind: Kind,
    private readonly range: PictureRange,
    private readonly keepsSize = false,
  ) {}

  /** Brings the tensors to the store and closes the files. */
  static async load(
    { nets, kind, keepsSize }: Opened,
    store: ParameterStore,
    dtype: DType,
  ): Promise<Controls> {
    const loaded: Net[] = [];
    for (const { file, ...net } of nets) {
      const { prefix } = net;
      for await (const [name, values] of wholeWeights(file, store)) {
        store.upload(`${prefix}.${name}`, file.shapes.get(name)!, dtype, values, { frozen: true });
      }
      file.close();
      // the same map each time: the tree of its places is kept by it
      const shapes = under(`${prefix}.`, file.shapes);
      loaded.push({ ...net, weights: (graph) => Weights.over(graph, shapes, { dtype }).at(prefix) });
    }
    return new Controls(loaded, kind, kind === "lllite" ? "signed" : "unit", keepsSize);
  }

  /** One network that is being trained, whose tensors are in the store. */
  static trained(
    kind: Kind,
    range: PictureRange,
    net: Pick<Net, "weights" | "reachesMiddle">,
  ): Controls {
    const whole = { prefix: "control0", preprocess: preprocessNamed("none"), multiplier: 1, ratio: 1 };
    return new Controls([{ ...net, ...whole }], kind, range);
  }

  /** Makes a batch ready: `guides` has for each picture one for every network, or one for all. */
  async begin(
    programs: Programs<string>,
    guides: readonly (readonly Pixels[])[],
    full: LatentShape,
    factor: number,
  ): Promise<ControlRun> {
    const size = { width: factor * full.width, height: factor * full.height };
    return this.kind === "net"
      ? await this.#beginNets(programs, guides, full, size)
      : this.#beginLllites(guides, factor);
  }

  async #beginNets(
    programs: Programs<string>,
    guides: readonly (readonly Pixels[])[],
    { batch, height, width }: LatentShape,
    size: { width: number; height: number },
  ): Promise<ControlRun> {
    const { nets } = this, hints: Float32Array[] = [];
    for (const [i, net] of nets.entries()) {
      const key = `hint ${i} ${batch} ${size.height} ${size.width}`;
      const { hint } = await programs.run(key, (graph) => {
        const picture = graph.input("picture", [batch, size.height, size.width, 3]);
        graph.output("hint", cast(hintFeatures(picture, net.weights(graph)), "f32"));
      }, { picture: this.#pictures(net, i, guides, size) });
      hints.push(hint);
    }
    return {
      at: (done, total, shape) => {
        // several take turns, as in the reference
        const i = done % nets.length, net = nets[i];
        if (net.ratio < done / total || net.multiplier === 0) return null;
        const channels = hints[i].length / (batch * height * width);
        const hint = shape.height === height && shape.width === width ? hints[i] : interpolatedValues(
          hints[i],
          [batch, height, width, channels],
          bicubicWeights(height, shape.height),
          bicubicWeights(width, shape.width),
        );
        return this.#netStep(net, hint, { ...shape, channels });
      },
    };
  }

  #netStep(net: Net, hint: Float32Array, { batch, height, width, channels }: LatentShape): ControlStep {
    return {
      key: net.prefix,
      keepsSize: this.keepsSize,
      inputs: { hint, controlMultiplier: Float32Array.of(net.multiplier) },
      control: (graph, rows) => {
        const one = graph.input("hint", [batch, height, width, channels]);
        return {
          weights: net.weights(graph),
          reachesMiddle: net.reachesMiddle,
          hint: rows === batch ? one : concat(Array(rows / batch).fill(one), 0),
          multiplier: graph.input("controlMultiplier", [1]),
        };
      },
    };
  }

  #beginLllites(guides: readonly (readonly Pixels[])[], factor: number): ControlRun {
    const { nets } = this;
    /** Where the deepest modules have a position for each 32 pixels. */
    const side = (latents: number) => Math.ceil(factor * latents / DEEPEST) * DEEPEST;
    const made = new Map<string, Float32Array>();
    return {
      at: (done, total, shape) => {
        const active = nets.filter(({ ratio, multiplier }) => ratio >= done / total && multiplier !== 0);
        if (active.length === 0) return null;
        const size = { width: side(shape.width), height: side(shape.height) };
        const inputs: Record<string, Float32Array> = {};
        for (const net of active) {
          const key = `${net.prefix} ${size.width} ${size.height}`;
          if (!made.has(key)) made.set(key, this.#pictures(net, nets.indexOf(net), guides, size));
          inputs[`${net.prefix}.picture`] = made.get(key)!;
          inputs[`${net.prefix}.multiplier`] = Float32Array.of(net.multiplier);
        }
        return {
          key: active.map(({ prefix }) => prefix).join(" "),
          inputs,
          adapter: (graph, inner, shrinkRatio) =>
            active.reduce<ReturnType<typeof llliteAdapter> | undefined>((around, net) =>
              llliteAdapter({
                weights: net.weights(graph),
                picture: graph.input(`${net.prefix}.picture`, [guides.length, size.height, size.width, 3]),
                multiplier: graph.input(`${net.prefix}.multiplier`, [1]),
                height: shape.height,
                width: shape.width,
                shrinkRatio,
              }, around), inner)!,
        };
      },
    };
  }

  /** (N, H, W, 3): each picture's guide for network i, as the network wants to see it. */
  #pictures(
    { preprocess }: Net,
    i: number,
    guides: readonly (readonly Pixels[])[],
    { width, height }: { width: number; height: number },
  ): Float32Array {
    return joined(
      Float32Array,
      guides.map((own) => {
        const picture = preprocess(resizePillow(own[i % own.length], width, height, "lanczos"));
        return this.range === "signed" ? fromBytes(picture) : Float32Array.from(picture.data, (x) => x / 255);
      }),
    );
  }
}

/** Pixels for which the deepest modules of an LLLite have one position. */
const DEEPEST = 32;
