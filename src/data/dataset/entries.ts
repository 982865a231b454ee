/** One image of a dataset, as found on the disk. */

import type { Size } from "../batches/buckets.ts";
import type { SubsetParams } from "./params.ts";

/** Latents of one image: float32, (height, width, channels), not yet multiplied by the VAE's scale. */
export interface CachedLatents {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly latents: Float32Array;
  readonly flipped: Float32Array | null;
  /** (height, width) in pixels, 0 to 1. */
  readonly alphaMask: Float32Array | null;
  /** Width and height of the image before resizing. */
  readonly originalSize: readonly number[];
  readonly cropBox: readonly number[];
}

export interface Conditioning {
  readonly path: string;
  readonly size: Size;
}

export interface ImageEntry {
  /** Path, or the key in a metadata file. */
  readonly key: string;
  readonly path: string;
  readonly caption: string;
  /** Raised for regularisation images until they are as many as the others. */
  repeats: number;
  readonly isReg: boolean;
  readonly subset: SubsetParams;
  /** The picture that goes with it: what a ControlNet sees, or a mask. */
  conditioning: Conditioning | null;
  /** Pixels as seen, or what the metadata file says the latents were made for. */
  size: Size | null;
  bucket: Size;
  resized: Size;
  /** A .npz file with latents to use instead of pixels. */
  latentsFile: string | null;
  latents: CachedLatents | null;
  /** Found unreadable, and said so. */
  broken: boolean;
}

const NOWHERE: Size = [0, 0];

export function newEntry(
  given: Pick<ImageEntry, "key" | "path" | "caption" | "repeats" | "isReg" | "subset" | "size">,
): ImageEntry {
  return {
    ...given,
    ...{
      conditioning: null,
      bucket: NOWHERE,
      resized: NOWHERE,
      latentsFile: null,
      latents: null,
      broken: false,
    },
  };
}

/** How often each tag occurs, by folder or metadata file: kept in the metadata of what is trained. */
export type TagFrequency = Record<string, Record<string, number>>;

export function countTags(frequency: TagFrequency, name: string, captions: readonly string[]): void {
  const counts = frequency[name] ??= {};
  for (const caption of captions) {
    for (const part of caption.split(",")) {
      const tag = part.trim().toLowerCase();
      if (tag) counts[tag] = (counts[tag] ?? 0) + 1;
    }
  }
}

/** What a subset gave, for the start summary. */
export interface SubsetReport {
  readonly name: string;
  readonly isReg: boolean;
  readonly repeats: number;
  readonly images: number;
  readonly captionFiles: number;
  readonly emptyCaptions: number;
  /** Images that are trained with the class tokens, or with nothing. */
  readonly withoutCaption: number;
}
