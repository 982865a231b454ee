/** What the page gets told of drawing: plain data. */

/** A file that can be drawn with. */
export interface DrawnFile {
  readonly path: string;
  /** Below its folder. */
  readonly name: string;
  readonly family: string | null;
}

export interface Choices {
  readonly models: readonly DrawnFile[];
  readonly loras: readonly DrawnFile[];
}

/** What the queue takes. */
export interface NewJob {
  readonly command: "gen_img";
  readonly args: readonly string[];
  /** Where its files go. */
  readonly folder: string;
}

export interface GalleryPicture {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
}

export interface Gallery {
  readonly folder: string;
  /** Of all pictures, so many from the asked one on. */
  readonly pictures: readonly GalleryPicture[];
  readonly count: number;
  readonly grids: readonly { readonly path: string; readonly name: string }[];
  readonly folders: readonly { readonly path: string; readonly name: string }[];
}

export type AxisKind = "lora" | "strength" | "steps" | "scale" | "sampler" | "seed";

export interface Axis {
  readonly kind: AxisKind;
  /** Paths of LoRAs, names of samplers, numbers. */
  readonly values: readonly (string | number)[];
}

/** What `grid.json` holds, beside the pictures. */
export interface Grid {
  readonly easel: "grid";
  readonly prompt: string;
  readonly x: Axis & { readonly labels: readonly string[] };
  readonly y: Axis & { readonly labels: readonly string[] };
  readonly width: number;
  readonly height: number;
  /** Names of the pictures, row by row. */
  readonly cells: readonly (readonly string[])[];
}

/** A grid in its folder, and which of its pictures there are. */
export interface SeenGrid extends Grid {
  readonly folder: string;
  readonly drawn: readonly (readonly boolean[])[];
}

/** How a picture was drawn; null is what the file does not say. */
export interface PictureSettings {
  /** Whose texts they are. */
  readonly by: "gen_img" | "web_ui" | "comfy" | null;
  readonly prompt: string | null;
  readonly negativePrompt: string | null;
  readonly seed: number | null;
  /** As --sampler takes it; null for one that easel does not have. */
  readonly sampler: string | null;
  readonly steps: number | null;
  readonly scale: number | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly clipSkip: number | null;
  /** A file's name without its ending. */
  readonly model: string | null;
  readonly loras: readonly { readonly name: string; readonly strength: number }[];
  /** All that is written in the file, cut where it is endless. */
  readonly texts: readonly (readonly [key: string, text: string])[];
}
