/** Picture files of every kind that is read. */

import { join } from "node:path";
import { UserError } from "../../../src/base/errors.ts";
import { placeAmong } from "../../../src/data/batches/buckets.ts";
import { loadImage, looksWhole, probeSize } from "../../../src/images/load.ts";
import { fit } from "../../../src/data/batches/prepare.ts";
import { crc32 } from "../../../src/formats/crc32.ts";
import { PICTURES } from "../../data/fixture.ts";
import { mutate } from "../mutate.ts";
import type { Topic } from "../topic.ts";

export const pictures: Topic = {
  seeds: () =>
    [...Deno.readDirSync(PICTURES)].filter(({ name }) => !name.endsWith(".json"))
      .map(({ name }) => Deno.readFileSync(join(PICTURES, name))),
  mutate: (seed, seeds, random) => rightChecksums(mutate(seed, seeds, random)),
  async run(bytes, folder) {
    const path = join(folder, "a.png");
    Deno.writeFileSync(path, bytes);
    let size: { width: number; height: number } | null = null;
    try {
      size = probeSize(path);
      looksWhole(path);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
    const image = await loadImage(path, { alpha: true });
    await loadImage(path, { compat: true });
    if (size && (size.width !== image.width || size.height !== image.height)) {
      throw new Error(
        `probeSize() says ${size.width}x${size.height}, loadImage() ${image.width}x${image.height}`,
      );
    }
    const { bucket, resized } = placeAmong([[64, 64], [128, 32]], image.width, image.height);
    if (resized[0] * resized[1] < 2 ** 22) fit(image, bucket, resized);
  },
};

/** PNG's checksums would catch nearly all damage before the decoder sees it. */
function rightChecksums(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x89) return bytes;
  const out = bytes.slice(), view = new DataView(out.buffer);
  for (let at = 8; at + 12 <= out.length;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > out.length) break;
    view.setUint32(end, crc32(out.subarray(at + 4, end)));
    at = end + 4;
  }
  return out;
}
