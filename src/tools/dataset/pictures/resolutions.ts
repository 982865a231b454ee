/** Sizes as resize_images_to_resolution takes them. */

export interface MaxResolution {
  /** As given: part of the names. */
  readonly name: string;
  /** The most a picture may have. */
  readonly pixels: number;
}

/** "512x512,384x384": names and pixels. Null where it is none. */
export function parseResolutions(text: string): MaxResolution[] | null {
  const sizes = text.split(",").map((part) => {
    const name = part.trim(), [, width, height] = /^(\d+)x(\d+)$/.exec(name) ?? [];
    return { name, pixels: Number(width) * Number(height) };
  });
  return sizes.every(({ pixels }) => pixels > 0) ? sizes : null;
}
