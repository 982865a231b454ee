/** The cases' digest of a loaded model: one checksum over names, types, shapes and contents of each part. */

import { crc32 } from "../../../../src/formats/crc32.ts";
import { type ModelFile, type PartOptions, partRows, UNET } from "../../../../src/models/mod.ts";

/** CRC-32 as eight hexadecimal digits. */
export function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}

/** "F32" -> "f32", "BOOL" -> "bool". */
export const shortDtype = (dtype: string) => dtype.toLowerCase();

/** The digest of each part by its folder's name, as float32; `half` as the same rounded to float16. */
export function digests(model: ModelFile, options: PartOptions = {}): Record<string, string> {
  const parts = partRows(model.family, model.shapes, options).map(({ folder, rows }): [string, string] => {
    const lines = rows.map((row) => {
      // sd-scripts' own U-Net of SDXL has the original's names
      const name = model.family.sites.originalNames && folder === "unet"
        ? row.original.slice(UNET.length + 1)
        : row.other;
      const { file, key } = model.places.get(row.original)!;
      const values = file.f32(key), third = values.length / 3;
      const taken = row.third === undefined
        ? values
        : values.slice(row.third * third, (row.third + 1) * third);
      const bytes = new Uint8Array(taken.buffer, taken.byteOffset, taken.byteLength);
      return `${name} f32 [${row.otherShape.join(", ")}] ${checksum(bytes)}`;
    });
    return [folder, checksum(new TextEncoder().encode(lines.toSorted().join("\n")))];
  });
  return Object.fromEntries(parts);
}
