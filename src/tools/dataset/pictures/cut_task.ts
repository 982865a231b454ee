/** The faces of one picture as bytes of files: what threads do for detect_face_rotate. */

import type { Task } from "../../../base/workers/task.ts";
import { loadImage } from "../../../images/load.ts";
import { crop, type Pixels } from "../../../images/pixels.ts";
import { resizeArea } from "../../../images/resampling/area.ts";
import { resizePillow } from "../../../images/resampling/pillow.ts";
import { rotate } from "../../../images/resampling/rotate.ts";
import { IMAGE_ERRORS } from "../../../images/tasks.ts";
import { pictureBytes } from "../../../images/write.ts";
import { stem } from "../texts/text_beside.ts";
import type { Face } from "./detections.ts";
import { drawRectangle } from "./rectangle.ts";

export interface CutConfig {
  /** Turn pictures so that the eyes lie level. */
  readonly rotate: boolean;
  readonly resizeFit: boolean;
  readonly resizeFaceSize: number | null;
  /** Width and height of the cut, in pixels or in faces. */
  readonly cropSize: readonly [number, number] | null;
  readonly cropRatio: readonly [number, number] | null;
  readonly minSize: number | null;
  readonly maxSize: number | null;
  readonly multipleFaces: boolean;
  /** Draw a frame around the face. */
  readonly debug: boolean;
  /** Few endings, and a picture's size is not put back between its faces. */
  readonly compat: string | null;
}

export interface CutFaces {
  readonly warnings: readonly string[];
  readonly faces: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

interface Uncut {
  /** What is at `path`, or where it is yet to be read. */
  readonly image: Pixels | string;
  readonly path: string;
  readonly faces: readonly Face[];
  readonly config: CutConfig;
}

/** A face in the picture so far, and the size that the picture is taken to have. */
interface Cut {
  readonly image: Pixels;
  readonly face: Face;
  readonly width: number;
  readonly height: number;
}

export const cutTask: Task<Uncut, CutFaces> = {
  name: "cut faces",
  async work({ image: given, path, faces, config }) {
    const { minSize, maxSize, multipleFaces, debug, compat } = config;
    const image = typeof given === "string" ? await loadImage(given, { compat: compat !== null }) : given;
    const warnings: string[] = [], cut: { name: string; bytes: Uint8Array }[] = [];
    let { width, height } = image;
    for (const [i, face] of faces.entries()) {
      const size = Math.max(face.width, face.height);
      if (minSize !== null && size < minSize || maxSize !== null && size >= maxSize) continue;
      const turned = config.rotate ? rotate(image, face.angle, face.centreX, face.centreY) : image;
      const made = cropped(
        { image: turned, face, width, height },
        size,
        config,
        (line) => warnings.push(`${path}: ${line}`),
      );
      if (compat !== null) ({ width, height } = made);
      const number = multipleFaces ? `_${String(i + 1).padStart(2, "0")}` : "";
      const { centreX, centreY } = made.face;
      const place = [centreX, centreY, made.face.width, made.face.height].map(fourDigits).join("_");
      const name = `${stem(path)}${number}_${place}.png`;
      cut.push({ name, bytes: await pictureBytes(name, debug ? framed(made) : made.image) });
    }
    return { warnings, faces: cut };
  },
  errors: IMAGE_ERRORS,
};

/** Resized where that is asked for or needed, and cut around the face. */
function cropped(cut: Cut, faceSize: number, config: CutConfig, warn: (line: string) => void): Cut {
  const { cropSize, cropRatio, compat } = config;
  const wanted = cropRatio?.map((ratio) => Math.trunc(faceSize * ratio + 0.5)) ?? cropSize;
  if (!wanted) return cut;
  const scaled = resized(cut, scaleFor(cut, wanted, faceSize, config, warn)), { image, face } = scaled;
  // the reference takes the picture to be as large as the face before left it, and cuts what there is
  const side = (taken: number, there: number) => compat === null ? Math.min(taken, there) : taken;
  const cutOf = (centre: number, length: number, taken: number, there: number) => {
    const { from, ...rest } = span(centre, Math.min(length, there), side(taken, there));
    return { from, centre: rest.centre, length: Math.min(rest.length, there - from) };
  };
  const across = cutOf(face.centreX, wanted[0], scaled.width, image.width);
  const down = cutOf(face.centreY, wanted[1], scaled.height, image.height);
  return {
    ...scaled,
    image: crop(image, across.from, down.from, across.length, down.length),
    face: { ...face, centreX: across.centre, centreY: down.centre },
  };
}

function scaleFor(
  { width, height }: Cut,
  [w, h]: readonly number[],
  faceSize: number,
  { resizeFaceSize, resizeFit, cropRatio }: CutConfig,
  warn: (line: string) => void,
): number {
  if (resizeFaceSize === null && cropRatio !== null) return 1;
  let scale = resizeFaceSize === null ? 1 : resizeFaceSize / faceSize;
  const why = resizeFaceSize === null
    ? "its picture is enlarged"
    : "its face gets larger than --resize_face_size";
  for (const [wanted, side, name] of [[w, width, "wide"], [h, height, "high"]] as const) {
    if (resizeFaceSize === null ? side >= wanted : scale >= wanted / side) continue;
    warn(`is not ${name} enough for the cut; ${why}`);
    scale = wanted / side;
  }
  return resizeFaceSize === null && resizeFit ? Math.max(w / width, h / height) : scale;
}

function resized({ image, face, ...size }: Cut, scale: number): Cut {
  if (scale === 1) return { image, face, ...size };
  const times = (length: number) => Math.trunc(length * scale + 0.5);
  const width = Math.max(1, times(size.width)), height = Math.max(1, times(size.height));
  const shrinks = scale < 1 && width <= image.width && height <= image.height;
  return {
    ...{ width, height },
    image: shrinks ? resizeArea(image, width, height) : resizePillow(image, width, height, "lanczos"),
    face: {
      ...face,
      ...{
        centreX: times(face.centreX),
        centreY: times(face.centreY),
        width: times(face.width),
        height: times(face.height),
      },
    },
  };
}

/** Where a cut of `length` around `centre` begins within `side`, and where the centre lies in it. */
function span(
  centre: number,
  length: number,
  side: number,
): { from: number; length: number; centre: number } {
  const from = centre - Math.floor(length / 2), middle = Math.floor(length / 2);
  if (from < 0) return { from: 0, length, centre: middle + from };
  const over = from + length - side;
  return over > 0
    ? { from: Math.max(0, side - length), length, centre: middle + over }
    : { from, length, centre: middle };
}

function framed({ image, face }: Cut): Pixels {
  const out = { ...image, data: image.data.slice() },
    [w, h] = [face.width, face.height].map((side) => Math.floor(side / 2));
  const { centreX: x, centreY: y } = face;
  drawRectangle(out, x - w, y - h, x + w, y + h, Math.floor(face.width / 20));
  return out;
}

/** Python's :04d. */
function fourDigits(n: number): string {
  return n < 0 ? `-${String(-n).padStart(3, "0")}` : String(n).padStart(4, "0");
}
