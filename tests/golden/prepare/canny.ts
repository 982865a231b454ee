/** canny: grey pictures and edges, exactly. */

import { canny, grey } from "../../../src/images/canny.ts";
import { addAlpha, type Pixels } from "../../../src/images/pixels.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";
import { drawn } from "./pictures.ts";

export function checkCanny(c: GoldenCase): Check[] {
  return c.json.rows.flatMap(({ name, picture, argv, edge_pixels }: Row) => {
    const image = opaque(drawn(picture)), { width, height } = image, greyed = grey(image);
    const threshold = (flag: string, standard: number) =>
      argv.includes(flag) ? Number(argv[argv.indexOf(flag) + 1]) : standard;
    const edges = canny(greyed, width, height, threshold("--thres1", 32), threshold("--thres2", 224));
    return [
      exact(`${name}: grey`, greyed, c.tensors().bytes(`${name.split("_")[0]}_grey`)),
      exact(name, packed(edges, width, height), c.tensors().bytes(name)),
      exact(`${name}: edge pixels`, edges.filter((x) => x === 255).length, edge_pixels),
    ];
  });
}

interface Row {
  readonly name: string;
  readonly picture: Parameters<typeof drawn>[0];
  readonly argv: string[];
  readonly edge_pixels: number;
}

function opaque({ width, height, data }: ReturnType<typeof drawn>): Pixels {
  const channels = data.length / (width * height);
  if (channels !== 1) return { width, height, channels: channels as 3 | 4, data };
  return addAlpha({
    width,
    height,
    channels: 3,
    data: Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)]),
  });
}

/** Eight pixels a byte along x, the first in the highest bit. */
function packed(edges: Uint8Array, width: number, height: number): Uint8Array {
  const row = Math.ceil(width / 8), out = new Uint8Array(row * height);
  edges.forEach((edge, i) => {
    const x = i % width;
    if (edge) out[Math.floor(i / width) * row + (x >> 3)] |= 0x80 >> (x & 7);
  });
  return out;
}
