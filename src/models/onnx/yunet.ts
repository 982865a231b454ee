/**
 * YuNet (doi 10.1007/s11633-023-1423-y) from its weights alone, as libfacedetection.train saves them: the model that its
 * yunet2onnx.py would write. Both sizes: yunet_s has no shared convolutions before its heads.
 */

import { UserError } from "../../base/errors.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../formats/onnx/onnx_file.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";

const STAGES = [0, 1, 2, 3, 4, 5];
/** Stages whose result is halved before the next, and those whose result is looked at in grids of 8, 16 and 32 pixels. */
const HALVED = [0, 2, 3, 4], SEEN = [3, 4, 5], GRIDS = [8, 16, 32];
/** Outputs with their numbers for each place of a grid; scores are between 0 and 1. */
const HEADS = { cls: 1, obj: 1, bbox: 4, kps: 10 } as const;

interface Layer {
  readonly name: string;
  readonly channels: number;
}

/** Throws UserError for weights of another network. */
export function yunetModel(file: TensorFile): OnnxModel {
  return new Builder(file).model();
}

class Builder {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();

  constructor(private readonly file: TensorFile) {}

  model(): OnnxModel {
    const seen: Layer[] = [];
    let x: Layer = { name: "input", channels: 3 };
    for (const stage of STAGES) {
      const key = `backbone.model${stage}`;
      x = stage === 0
        ? this.#unit(
          this.#normed(this.#conv(x, `${key}.conv1`, { side: 3, stride: 2 }), `${key}.bn1`),
          `${key}.conv2`,
        )
        : this.#unit(this.#unit(x, `${key}.conv1`), `${key}.conv2`);
      if (SEEN.includes(stage)) seen.push(x);
      const half = { kernel_shape: [2, 2], strides: [2, 2] };
      if (HALVED.includes(stage)) x = this.#node("MaxPool", [x], `${key}.half`, x.channels, half);
    }
    const shared = "bbox_head.multi_level_share_convs";
    const grids = this.#topDown(seen).map((grid, i) =>
      this.file.keys().some((key) => key.startsWith(`${shared}.`))
        ? this.#unit(grid, `${shared}.${i}.0`)
        : grid
    );
    const outputs = Object.entries(HEADS).flatMap(([head, count]) =>
      grids.map((grid, i) =>
        this.#head(grid, `bbox_head.multi_level_${head}.${i}`, `${head}_${GRIDS[i]}`, count)
      )
    );
    return {
      ...{ path: this.file.path, opset: 13, outputs, nodes: this.#nodes, initializers: this.#initializers },
      inputs: [{ name: "input", shape: [1, 3, "height", "width"] }],
    };
  }

  /** What coarse grids see is added to the finer ones. */
  #topDown(seen: readonly Layer[]): Layer[] {
    const out = [...seen];
    this.#initializers.set("twice", { dtype: "f32", shape: [4], data: Float32Array.of(1, 1, 2, 2) });
    for (let i = out.length - 1; i >= 0; i--) {
      out[i] = this.#unit(out[i], `neck.lateral_convs.${i}`);
      if (i === 0) break;
      const { channels } = out[i], how = { mode: "nearest", coordinate_transformation_mode: "asymmetric" };
      const large = this.#node("Resize", [out[i], null, "twice"], `neck.large.${i}`, channels, how);
      if (channels !== out[i - 1].channels) {
        this.#refuse(`backbone.model${SEEN[i]} and the one before differ in width`);
      }
      out[i - 1] = this.#node("Add", [out[i - 1], large], `neck.sum.${i}`, channels);
    }
    return out;
  }

  /** Across channels, then each channel by itself; normed where the file says so. */
  #unit(x: Layer, key: string, normed = true): Layer {
    const each = this.#conv(this.#conv(x, `${key}.conv1`, { side: 1 }), `${key}.conv2`, {
      side: 3,
      alone: true,
    });
    return normed ? this.#normed(each, `${key}.bn`) : each;
  }

  #head(grid: Layer, key: string, output: string, count: number): string {
    const x = this.#unit(grid, key, false);
    if (x.channels !== count) this.#refuse(`${key} gives ${x.channels} numbers, not ${count}`);
    const shape = `${output} shape`;
    this.#initializers.set(shape, { dtype: "i64", shape: [3], data: Float64Array.of(1, -1, count) });
    const last = this.#node("Transpose", [x], `${key}.last`, count, { perm: [0, 2, 3, 1] });
    if (!/^(cls|obj)/.test(output)) return this.#node("Reshape", [last, shape], output, count).name;
    const rows = this.#node("Reshape", [last, shape], `${key}.rows`, count);
    return this.#node("Sigmoid", [rows], output, count).name;
  }

  #conv(x: Layer, key: string, { side, stride = 1, alone = false }: Convolution): Layer {
    const channels = this.#shape(`${key}.weight`)[0] ?? 0, pad = side >> 1;
    const weights = [
      this.#weight(`${key}.weight`, [alone ? x.channels : channels, alone ? 1 : x.channels, side, side]),
      this.#weight(`${key}.bias`, [channels]),
    ];
    const how = { kernel_shape: [side, side], strides: [stride, stride], pads: [pad, pad, pad, pad] };
    return this.#node("Conv", [x, ...weights], key, channels, { ...how, group: alone ? channels : 1 });
  }

  #normed(x: Layer, key: string): Layer {
    const names = ["weight", "bias", "running_mean", "running_var"];
    const weights = names.map((name) => this.#weight(`${key}.${name}`, [x.channels]));
    const y = this.#node("BatchNormalization", [x, ...weights], key, x.channels, { epsilon: 1e-5 });
    return this.#node("Relu", [y], `${key}.relu`, x.channels);
  }

  #node(
    op: string,
    inputs: readonly (Layer | string | null)[],
    name: string,
    channels: number,
    attributes: OnnxNode["attributes"] = {},
  ): Layer {
    const names = inputs.map((input) => input === null ? "" : typeof input === "string" ? input : input.name);
    this.#nodes.push({ op, name, inputs: names, outputs: [name], attributes });
    return { name, channels };
  }

  #shape(key: string): readonly number[] {
    if (!this.file.has(key)) this.#refuse(`has no ${key}`);
    return this.file.info(key).shape;
  }

  #weight(key: string, wanted: readonly number[]): string {
    const shape = this.#shape(key);
    if (shape.join() !== wanted.join()) {
      this.#refuse(`${key} is [${shape.join(", ")}], not [${wanted.join(", ")}]`);
    }
    this.#initializers.set(key, { dtype: "f32", shape, data: this.file.f32(key) });
    return key;
  }

  #refuse(found: string): never {
    throw new UserError(
      `${this.file.path}: ${found}; give the weights of libfacedetection.train's YuNet, or a face detector in ONNX form`,
    );
  }
}

interface Convolution {
  readonly side: number;
  readonly stride?: number;
  /** Each channel by itself. */
  readonly alone?: boolean;
}
