/** What the server tells the page of a dataset: plain data, for both to read. */

/** Width and height in pixels. */
type Sides = readonly [number, number];

/** "missing": there is no caption file; "empty": there is nothing in it. */
export type Standing = "missing" | "empty" | "captioned";

/** One picture as the page shows it. */
export interface PictureItem {
  readonly name: string;
  readonly standing: Standing;
  /** Lines end with "\n", the last one with none; null where there is no file, or none that can be read. */
  readonly text: string | null;
  /** Of the caption that was read; "none" where there is no file. */
  readonly version: string;
  /** Of the picture's file, in milliseconds since 1970; 0 where it cannot be reached. */
  readonly mtime: number;
  readonly bytes: number;
  /** Why the picture or its caption is of no use, in one line. */
  readonly problem: string | null;
  /** Whether the picture can be drawn, as far as is known. */
  readonly readable: boolean;
  readonly leftOut: boolean;
  /** null until somebody looked at it, and so is `alpha` false. */
  readonly width: number | null;
  readonly height: number | null;
  readonly alpha: boolean;
  readonly placed: PlacedPicture | null;
}

export interface PlacedPicture {
  readonly bucket: Sides;
  /** Scaled to this before it is cut. */
  readonly resized: Sides;
  /** What stays of the picture, left, top, right and bottom in shares of its sides; the middle is cut out. */
  readonly stays: readonly [number, number, number, number];
  /** It is drawn larger than it is. */
  readonly enlarged: boolean;
}

/** A picture that is of no use, and why: apart, for the name may be anything. */
export interface PictureProblem {
  readonly name: string;
  readonly problem: string;
}

export interface BucketsTold {
  readonly rows: readonly BucketRow[];
  /** One line for each picture that fits no bucket. */
  readonly notes: readonly string[];
  readonly problems: readonly PictureProblem[];
  /** null without buckets. */
  readonly meanError: number | null;
  readonly pictures: number;
}

export interface DuplicatesTold {
  readonly groups: readonly (readonly string[])[];
  readonly problems: readonly PictureProblem[];
  readonly pictures: number;
}

export interface BucketRow {
  readonly size: Sides;
  readonly pictures: number;
  /** Times they are shown in an epoch. */
  readonly repeated: number;
}

export interface Counts {
  readonly all: number;
  readonly missing: number;
  readonly empty: number;
  readonly problems: number;
  readonly leftOut: number;
}

export interface TagCount {
  readonly tag: string;
  readonly count: number;
}

export interface Subfolder {
  readonly name: string;
  readonly path: string;
  readonly pictures: number;
  /** As its name asks, where it is one of a --train_data_dir; null for others. */
  readonly repeats: number | null;
  readonly classTokens: string;
}

export interface FolderSeen {
  readonly path: string;
  /** The folder around it, where that is one of the user's too. */
  readonly parent: string | null;
  readonly pictures: number;
  readonly repeats: number | null;
  readonly classTokens: string;
  readonly folders: readonly Subfolder[];
  /** One line for each thing that training would leave out, or refuses. */
  readonly notes: readonly string[];
}

/** What was done, for the page to put into words. */
export interface StepDeed {
  readonly kind: "edit" | "add" | "remove" | "front" | "replace" | "job";
  readonly tags?: readonly string[];
  readonly by?: readonly string[];
  readonly command?: string;
}

export interface StepHead {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly deed: StepDeed;
  /** Captions. */
  readonly count: number;
  /** The job that writes what comes; its step is open until it has ended. */
  readonly job: string | null;
  readonly open: boolean;
}

/** Steps that can be taken back, the last one first, and those that can be done again, the next one first. */
export interface StepsTold {
  readonly done: readonly StepHead[];
  readonly undone: readonly StepHead[];
}

/** A caption that was changed by somebody else since: what stands there, and what would have been written. */
export interface ConflictTold {
  readonly file: string;
  readonly theirs: string | null;
  readonly mine: string | null;
  readonly version: string;
}

/** What a step, or taking it back, has come to. */
export interface MovedTold {
  readonly step: StepHead | null;
  /** Captions. */
  readonly changed: number;
  readonly conflicts: readonly ConflictTold[];
  readonly steps: StepsTold;
  /** Captions that were left as they are, for they are no text. */
  readonly problems?: readonly string[];
}

/** Keys with their values, each as TOML writes it: "true", "512", "[512, 768]", "\"cat\"". */
export type Cells = Readonly<Record<string, string>>;

/** A dataset file. */
export interface DatasetDocument {
  /** What stands at its top and belongs nowhere. */
  readonly others: Cells;
  readonly general: Cells;
  readonly datasets: readonly { readonly values: Cells; readonly subsets: readonly Cells[] }[];
}

export interface DatasetFolderTold {
  readonly pictures: number;
  /** Of most captions in it. */
  readonly ending: string;
  /** What its name asks for. */
  readonly repeats: { readonly repeats: number; readonly classTokens: string } | null;
  readonly problem: string | null;
}

export interface DatasetFileTold {
  readonly text: string;
  /** null where the text is none that a form could show. */
  readonly document: DatasetDocument | null;
  /** The first thing that is wrong, in one line. */
  readonly problem: string | null;
  /** By image_dir. */
  readonly folders: Readonly<Record<string, DatasetFolderTold>>;
}
