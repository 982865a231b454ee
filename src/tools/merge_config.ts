/** What `easel merge_lora` is told. */

export type Precision = "float" | "fp16" | "bf16";

export interface MergeLoraConfig {
  /** A checkpoint to merge into; null merges the LoRAs with each other. */
  readonly sdModel: string | null;
  readonly saveTo: string;
  readonly models: readonly string[];
  /** One for each model. */
  readonly ratios: readonly number[];
  /** Of the sums. */
  readonly precision: Precision;
  /** null is that of the sums. */
  readonly savePrecision: Precision | null;
  readonly concat: boolean;
  readonly shuffle: boolean;
  /** Leaves modelspec out. */
  readonly noMetadata: boolean;
  readonly v2: boolean;
  readonly compat: string | null;
}
