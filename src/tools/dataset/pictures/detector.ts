/**
 * Faces as an ONNX model finds them, in one of two common layouts: YuNet's (scores, boxes and five points in three grids)
 * and that of YOLOv8's face models (one table, with or without points).
 */

import { UserError } from "../../../base/errors.ts";
import { openCheckpoint } from "../../../formats/mod.ts";
import type { OnnxModel } from "../../../formats/onnx/onnx_file.ts";
import type { Pixels } from "../../../images/pixels.ts";
import { resizeArea } from "../../../images/resampling/area.ts";
import { OnnxNetwork, type OnnxValues, yunetModel } from "../../../models/onnx/mod.ts";
import type { Device } from "../../../runtime/mod.ts";
import { type Face, largestFirst } from "./detections.ts";

/** In pixels of what the model sees. `eyes`: the right one's x and y, then the left one's. */
interface Found {
  readonly box: readonly [left: number, top: number, right: number, bottom: number];
  readonly score: number;
  readonly eyes: readonly number[] | null;
}

interface Layout {
  /** How it takes a picture's channels, from 0 to 255. */
  readonly value: (rgb: readonly number[], channel: number) => number;
  /** What lies beside a picture that does not fill the model's input. */
  readonly beside: number;
  read(outputs: ReadonlyMap<string, OnnxValues>, width: number): Found[];
}

const GRIDS = [8, 16, 32];
/** Boxes of one face overlap by more than this share. */
const SAME = 0.3;
/** The side of the input where the model leaves it open. */
const SIDE = 640;

/** YuNet of 2023 as OpenCV's FaceDetectorYN reads it: blue first, 0..255. */
const yunet: Layout = {
  value: (rgb, channel) => rgb[2 - channel],
  beside: 0,
  read: (outputs, width) =>
    GRIDS.flatMap((step) => {
      const [cls, obj, bbox, kps] = ["cls", "obj", "bbox", "kps"].map((name) =>
        outputs.get(`${name}_${step}`)!.data
      );
      return Array.from(cls, (_, i) => {
        const column = i % (width / step), row = Math.floor(i / (width / step));
        const at = (data: Float32Array, k: number) => [(column + data[k]) * step, (row + data[k + 1]) * step];
        const [x, y] = at(bbox, 4 * i), [w, h] = [2, 3].map((k) => Math.exp(bbox[4 * i + k]) * step / 2);
        const share = (value: number) => Math.min(1, Math.max(0, value));
        return {
          box: [x - w, y - h, x + w, y + h] as const,
          score: Math.sqrt(share(cls[i]) * share(obj[i])),
          eyes: [...at(kps, 10 * i), ...at(kps, 10 * i + 2)],
        };
      });
    }),
};

/** Ultralytics' YOLOv8: red first, 0..1; rows of centre, size and score, then x, y and certainty of each point. */
const yolo: Layout = {
  value: (rgb, channel) => rgb[channel] / 255,
  beside: 114,
  read(outputs) {
    const [{ data, shape: [, rows, count] }] = outputs.values();
    return Array.from({ length: count }, (_, i) => {
      const [x, y, w, h, score, ...points] = Array.from({ length: rows }, (_, row) => data[row * count + i]);
      return {
        box: [x - w / 2, y - h / 2, x + w / 2, y + h / 2] as const,
        score,
        eyes: points.length < 6 ? null : [points[0], points[1], points[3], points[4]],
      };
    });
  },
};

/** Files of tensors, in which no network is told. */
const WEIGHTS = /\.(safetensors|pth|pt|ckpt|bin)$/i;

function yunetOf(path: string): OnnxModel {
  using file = openCheckpoint(path);
  return yunetModel(file);
}

export class FaceDetector {
  private constructor(
    private readonly path: string,
    private readonly network: OnnxNetwork,
    private readonly leastScore: number,
  ) {}

  /** Throws UserError for what is neither an ONNX model nor YuNet's weights. */
  static open(path: string, device: Device, leastScore: number): FaceDetector {
    const network = WEIGHTS.test(path)
      ? new OnnxNetwork(yunetOf(path), device)
      : OnnxNetwork.open(path, device);
    return new FaceDetector(path, network, leastScore);
  }

  /** The largest first. Throws UserError for a model whose outputs are of neither layout. */
  async find(image: Pixels, needsEyes: boolean): Promise<Face[]> {
    const [, channels, ...sides] = this.network.inputShape;
    const [height, width] = sides.map((side) => typeof side === "number" ? side : SIDE);
    const names = this.network.outputs,
      layout = names.includes("cls_8") ? yunet : names.length === 1 ? yolo : null;
    if (layout === null || sides.length !== 2 || channels !== 3) throw this.#unknown(names.join(", "));
    const scale = Math.min(1, width / image.width, height / image.height);
    const outputs = await this.network.runAll(seen(image, scale, width, height, layout), [
      1,
      3,
      height,
      width,
    ]);
    const [{ shape }] = outputs.values();
    if (layout === yolo && !(shape.length === 3 && shape[1] >= 5)) {
      throw this.#unknown(`[${shape.join(", ")}]`);
    }
    const found = layout.read(outputs, width).filter(({ score }) => score >= this.leastScore);
    return largestFirst(alone(found).map((one) => this.#face(one, scale, needsEyes)));
  }

  #face({ box, eyes }: Found, scale: number, needsEyes: boolean): Face {
    if (eyes === null && needsEyes) {
      throw new UserError(`${this.path}: finds faces without eyes, which --rotate needs; leave it out`);
    }
    const [left, top, right, bottom] = box.map((v) => v / scale), [ax, ay, bx, by] = eyes ?? [0, 0, 1, 0];
    return {
      centreX: Math.trunc((left + right) / 2),
      centreY: Math.trunc((top + bottom) / 2),
      width: Math.trunc(right - left),
      height: Math.trunc(bottom - top),
      angle: Math.atan2(by - ay, bx - ax) / Math.PI * 180,
    };
  }

  #unknown(found: string): UserError {
    return new UserError(
      `${this.path}: gives ${found}; give a YuNet model of 2023 or a YOLOv8 face model, or --detections`,
    );
  }

  close(): void {
    this.network.close();
  }
}

/** (3, height, width): the picture in the upper left corner, shrunk where it is larger. */
function seen(image: Pixels, scale: number, width: number, height: number, { value, beside }: Layout) {
  const w = Math.max(1, Math.round(image.width * scale)), h = Math.max(1, Math.round(image.height * scale));
  const small = scale < 1 ? resizeArea(image, w, h) : image;
  const out = new Float32Array(3 * width * height).fill(value([beside, beside, beside], 0));
  for (let i = 0; i < w * h; i++) {
    const rgb = [0, 1, 2].map((c) => small.data[i * small.channels + c]);
    const at = Math.floor(i / w) * width + i % w;
    for (let c = 0; c < 3; c++) out[c * width * height + at] = value(rgb, c);
  }
  return out;
}

/** One box for each face: the surest of those that overlap. */
function alone(found: readonly Found[]): Found[] {
  const kept: Found[] = [];
  for (const one of [...found].sort((a, b) => b.score - a.score)) {
    if (!kept.some((other) => overlap(one.box, other.box) > SAME)) kept.push(one);
  }
  return kept;
}

/** Of two boxes: what they share of what they cover. */
function overlap(a: Found["box"], b: Found["box"]): number {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (w <= 0 || h <= 0) return 0;
  const area = ([left, top, right, bottom]: Found["box"]) => (right - left) * (bottom - top);
  return w * h / (area(a) + area(b) - w * h);
}
