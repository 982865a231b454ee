/** What the page gets told of model files: plain data. */

export interface ListedFile {
  readonly path: string;
  /** Below the folder that was asked for. */
  readonly name: string;
  /** Null of a folder in Diffusers' layout. */
  readonly bytes: number | null;
  /** Milliseconds since 1970. */
  readonly changed: number;
}

export interface Listing {
  readonly folder: string;
  /** The newest first. */
  readonly files: readonly ListedFile[];
  /** Whether there is more than is shown. */
  readonly more: boolean;
}

export interface About {
  readonly path: string;
  readonly bytes: number;
  /** One line that says what is wrong with the file; then nothing else is known. */
  readonly error?: string;
  readonly what: string;
  readonly kind: "checkpoint" | "vae" | "lora" | "other" | "damaged";
  readonly family: string | null;
  readonly ranks: readonly number[];
  readonly alphas: readonly number[];
  /** Elements by dtype. */
  readonly elements: Readonly<Record<string, number>>;
  readonly tensors: number;
  /** By its maker. */
  readonly title: string | null;
  readonly preview: boolean;
}

/** A text of the metadata, cut where it is endless. */
export interface Said {
  readonly key: string;
  readonly text: string;
  /** Letters in the file. */
  readonly length: number;
}

export interface Hashes {
  /** Of the whole file; its first ten digits are AutoV2. */
  readonly sha256: string;
  /** Of the tensors, as sshs_model_hash; its first twelve digits are AutoV3. Of a file that is no safetensors, the whole. */
  readonly tensors: string;
  /** AutoV1, of 64 KiB at 1 MiB. */
  readonly legacy: string;
}

/** A file's page. */
export interface OneFile {
  readonly about: About;
  readonly metadata: readonly Said[];
  /** Null where they were not asked for yet. */
  readonly hashes: Hashes | null;
  readonly tensors?: readonly {
    readonly key: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
}

/** One line of a comparison; null where a file says nothing. */
export interface TextPair {
  readonly key: string;
  readonly a: string | null;
  readonly b: string | null;
  readonly same: boolean;
}

/** The first names of many. */
export interface SomeNames {
  readonly count: number;
  readonly first: readonly string[];
}

export interface Comparison {
  readonly facts: readonly TextPair[];
  readonly metadata: readonly TextPair[];
  /** Keys that one file has alone, and those whose shape or dtype differs. */
  readonly tensors: { readonly onlyA: SomeNames; readonly onlyB: SomeNames; readonly other: SomeNames };
}
